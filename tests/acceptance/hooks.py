"""What is set up inside a process before its command runs, so that it dies or waits at one certain place.

The product's own calls are counted and then made; nothing is replaced and nothing is mocked. The process kills itself as
`kill -9` would, and leaves the moment of its death (on its virtual clock) in a file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.ledger import engine
from tradectl.marketdata import imports
from tradectl.model.moment import to_ist
from tradectl.task import Context

Hit = Callable[[str], None]
clocks: list[VirtualClock] = []


def count(file: str) -> None:
    """Write how many commands go to the broker and how many commits to the ledger; the command lives."""
    hits = {"command": 0, "commit": 0}

    def hit(kind: str) -> None:
        hits[kind] += 1
        Path(file).write_text(json.dumps(hits), encoding="utf-8")

    watch(before=hit, after=lambda kind: None)


def die(kind: str, number: int, place: str, file: str) -> None:
    """Die at the `number`-th `command` to the broker or `commit` of the ledger, just `before` or just `after` it."""
    left = {kind: number}

    def hit(of: str) -> None:
        if of in left:
            left[of] -= 1
            if not left[of]:
                Path(file).write_text(f"{to_ist(clocks[-1].now()):%Y-%m-%d %H:%M:%S}", encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)

    def nothing(_of: str) -> None:
        pass

    watch(before=hit if place == "before" else nothing, after=hit if place == "after" else nothing)


def watch(*, before: Hit, after: Hit) -> None:
    """Call these around every command to the broker and every commit of the ledger."""
    for name in ("place", "modify", "cancel"):
        setattr(PaperBroker, name, around(getattr(PaperBroker, name), "command", before, after))
    end = engine._Transaction._end

    def ended(self: Any, desk: Any, error: BaseException | None, *, commit: bool) -> None:
        if commit and error is None and not desk.doomed:
            before("commit")
        end(self, desk, error, commit=commit)
        if commit and error is None:
            after("commit")

    engine._Transaction._end = ended
    made = VirtualClock.__init__

    def remembered(self: VirtualClock, *start: Any) -> None:
        made(self, *start)
        clocks.append(self)

    VirtualClock.__init__ = remembered


def around(call: Callable[..., Any], kind: str, before: Hit, after: Hit) -> Callable[..., Any]:
    @wraps(call)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        before(kind)
        found = call(*arguments, **named)
        after(kind)
        return found

    return wrapped


def die_importing() -> None:
    """Die in the middle of an import: everything is written, nothing is committed."""

    def died(_folder: Path, _connection: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    imports.derive_series = died


def hold() -> None:
    """Once the task has its claim, say so on stdout and wait for a line on stdin before it goes on."""
    desk = Context.desk

    def held(self: Context) -> Any:
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.readline()
        return desk(self)

    Context.desk = held
