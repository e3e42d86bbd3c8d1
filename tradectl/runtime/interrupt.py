"""Handle SIGINT, SIGTERM and SIGHUP as requests to stop: the first takes effect between steps, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tradectl.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """A request to stop: the number of the last signal (0: none), and how many signals came."""

    def __init__(self) -> None:
        self.signal_number = 0
        self.times = 0

    def handle(self, number: int, _frame: FrameType | None = None) -> None:
        """Handle a signal. Raises Interrupted for the second signal."""
        self.signal_number = number
        self.times += 1
        if self.times > 1:
            raise Interrupted(number)

    def raise_if_requested(self) -> None:
        """Raise Interrupted after a signal."""
        if self.signal_number:
            raise Interrupted(self.signal_number)


@contextmanager
def stop_on_signals(stop: Stop | None = None) -> Iterator[Stop]:
    """Handle the signals inside the block. Outside the main thread Python cannot, so only the object is yielded.

    A SIGHUP that `nohup` ignores stays ignored."""
    requested = stop or Stop()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return
    handled = [number for number in SIGNALS if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, requested.handle) for number in handled}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
