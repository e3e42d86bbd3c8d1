"""Write messages to stderr, for a terminal or cron's mail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from tradectl.control_characters import lines, one_line


class ConsoleNotifier:
    """Write every message to a stream (default: stderr), and report it as delivered.

    A message whose title begins with one of `apart_from` is not written, because the running command prints it itself.
    """

    trouble = ""
    interrupts = False

    def __init__(self, stream: TextIO | None = None, *, apart_from: tuple[str, ...] = ()) -> None:
        self._stream = stream
        self._apart_from = apart_from

    def send(self, title: str, body: str) -> bool:
        if not title.startswith(self._apart_from):
            print("\n".join(part for part in (one_line(title), lines(body)) if part), file=self._stream or sys.stderr)
        return True

    def send_picture(self, title: str, body: str, picture: Path) -> str:  # noqa: ARG002
        """Write where the picture is."""
        return "" if self.send(title, str(picture)) else self.trouble


class SilentNotifier:
    """Accept every message and write none, for simulations and `-q`."""

    trouble = ""
    interrupts = False

    def send(self, title: str, body: str) -> bool:  # noqa: ARG002
        return True

    def send_picture(self, title: str, body: str, picture: Path) -> str:  # noqa: ARG002
        return ""
