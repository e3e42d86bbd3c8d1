"""Loaded by Python itself where its folder is on PYTHONPATH: the program and every process it starts then live on another day.

Time passes as it does, `TEST_SHIFT` seconds away. Leases still go by the machine's own time.
"""

import os
from datetime import UTC, datetime, timedelta

from tradectl.clock import SystemClock

_SHIFT = timedelta(seconds=float(os.environ["TEST_SHIFT"]))
SystemClock.now = lambda self: datetime.now(UTC) + _SHIFT  # type: ignore[method-assign]
