"""Messages on stderr, for whoever watches or reads cron's mail."""

from __future__ import annotations

import sys
from typing import TextIO


class ConsoleNotifier:
    """Writes every message to a stream (stderr unless told); it always arrives."""

    trouble = ""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, title: str, body: str) -> bool:
        print("\n".join(part for part in (title, body) if part), file=self._stream or sys.stderr)
        return True


class SilentNotifier:
    """Takes every message and shows it nowhere: for throw-away simulations and `-q`."""

    trouble = ""

    def send(self, title: str, body: str) -> bool:  # noqa: ARG002
        return True
