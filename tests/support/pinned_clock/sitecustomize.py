"""Pin the clock in every Python process that a test starts: Python loads this file where its folder is on PYTHONPATH."""

import pin

pin.install()
