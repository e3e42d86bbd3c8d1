"""Loaded by Python itself where its folder is on PYTHONPATH: the machine's clock is then TEST_SHIFT seconds away.

Time passes as it does. The uptime of the machine stays what it is, as it does where a machine's clock is set.
"""

import os
from datetime import UTC, datetime, timedelta

from tradectl.clock import SystemClock

_SHIFT = timedelta(seconds=float(os.environ["TEST_SHIFT"]))
SystemClock.now = lambda self: datetime.now(UTC) + _SHIFT  # type: ignore[method-assign]
SystemClock.machine_now = lambda self: datetime.now(UTC) + _SHIFT  # type: ignore[method-assign]
