"""The actions that every witness plays: an evening with after-market orders, a morning with regular ones, and all reads.

An official client and our adapter play it alike, each before a fresh exchange of its own, with the same clock, prices and tags.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.lab.witnesses.comparison import Secrets
from tests.lab.witnesses.recorder import Exchange, Recorder
from tradectl.lab.sandboxes.fixture import FRIDAY, THURSDAY, Fixture, ist
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.model.order import Side

TAGS = tuple(f"WITNESSTAGAAAA{last}" for last in "ABCDEF")
"""Client tags, as our own look."""


class Stand(ABC):
    """A sandbox over a paper exchange, behind recorders, at the evening of a Thursday."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fixture = folder, Fixture(folder, ist(THURSDAY, "16:05"))
        self.sandbox = self.serve()
        self.recorder = Recorder(self.sandbox.url)
        self.stream = Recorder(self.streaming()) if self.streaming() else None
        self.recorder.others = [self.stream] if self.stream is not None else []

    @abstractmethod
    def serve(self) -> Sandbox: ...

    def streaming(self) -> str:
        """Return the address of the sandbox's stream; nothing where it has none."""
        return ""

    @property
    def exchanges(self) -> list[Exchange]:
        return [*self.recorder.exchanges, *(self.stream.exchanges if self.stream else ())]

    def to(self, text: str) -> None:
        self.fixture.clock.move_to(ist(FRIDAY, text))

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        for part in (self.sandbox, self.recorder, self.stream):
            if part is not None:
                self._stack.enter_context(part)
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()
        assert self.sandbox.broken == []


class Client(ABC):
    """An official client or our adapter. `reads` are its ways to look, by action."""

    amo = True

    @abstractmethod
    def login(self) -> None: ...
    @abstractmethod
    def place(self, side: Side, quantity: int, price: int, tag: str, symbol: str = "ACME", *, amo: bool) -> str: ...
    @abstractmethod
    def modify(self, number: str, quantity: int, price: int, *, amo: bool) -> None: ...
    @abstractmethod
    def cancel(self, number: str, *, amo: bool) -> None: ...
    @abstractmethod
    def reads(self, number: str) -> Mapping[str, Callable[[], Any]]: ...

    def secrets(self) -> Mapping[str, str]:
        """Return the values to hide, with what stands in their place."""
        return {}

    def close(self) -> None:  # noqa: B027 - not every client has something to close
        """Close what is open."""


@dataclass(frozen=True)
class Played:
    """What was recorded of one client, and what it read last, by action."""

    exchanges: list[Exchange]
    secrets: Secrets
    read: Mapping[str, Any]


def play(stand: Stand, client: Client) -> Played:
    """Carry out the actions. Requests outside an action (a second login) are not kept."""
    labels: dict[str, str] = {}

    def during(action: str, work: Callable[[], Any]) -> Any:
        for recorder in (stand.recorder, stand.stream):
            if recorder is not None:
                recorder.action = action
        try:
            return work()
        finally:
            for recorder in (stand.recorder, stand.stream):
                if recorder is not None:
                    recorder.action = ""

    during("login", client.login)
    labels |= client.secrets()
    if client.amo:
        kept = during("place AMO", lambda: client.place(Side.BUY, 10, 100_50, TAGS[0], amo=True))
        dropped = during("place AMO", lambda: client.place(Side.BUY, 5, 99_00, TAGS[1], amo=True))
        during("modify AMO", lambda: client.modify(kept, 12, 100_25, amo=True))
        during("cancel AMO", lambda: client.cancel(dropped, amo=True))
    stand.to("10:00")
    client.login()
    labels |= client.secrets()
    if not client.amo:
        during("place", lambda: client.place(Side.BUY, 12, 100_25, TAGS[0], amo=False))
    resting = during("place", lambda: client.place(Side.SELL, 5, 105_00, TAGS[2], amo=False))
    during("modify", lambda: client.modify(resting, 6, 106_00, amo=False))
    during("cancel", lambda: client.cancel(resting, amo=False))
    read = {action: during(action, work) for action, work in client.reads(resting).items()}
    client.close()
    named = [item for item in stand.exchanges if item.action]
    labels |= {recorder.address: name for recorder, name in ((stand.recorder, "host"), (stand.stream, "stream")) if recorder}
    return Played(named, Secrets(labels), read)


def wait_until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)
