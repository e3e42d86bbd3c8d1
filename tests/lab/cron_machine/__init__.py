"""A machine with a real cron whose clock runs fast: every job, and every program that a job starts, reads the same clock.

It needs root, Linux, cron, gcc and libfaketime. `machine` makes it, `exchange` serves it real prices, `quarter` lives on it.
"""
