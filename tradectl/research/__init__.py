"""Run backtests and sweeps for the user: requests, results, and tests of how much of a result may be chance."""
