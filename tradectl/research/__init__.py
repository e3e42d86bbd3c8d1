"""Backtests and sweeps for a person: requests, results, and the tests of how much of a result is chance."""
