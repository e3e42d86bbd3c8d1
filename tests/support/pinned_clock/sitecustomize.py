"""Pin the clock and cut the network in every Python process that a test starts: Python loads this file where its folder is
on PYTHONPATH.
"""

import offline
import pin

pin.install()
offline.install()
