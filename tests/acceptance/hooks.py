"""What is set up inside a process before its command runs, so that it dies, stops or waits at one certain place.

The product's own calls are counted and then made; nothing is replaced and nothing is mocked. The process kills itself as
`kill -9` would, and leaves the moment of its death (on its virtual clock) in a file; or it stops itself as `kill -STOP` would,
until somebody else wakes it or kills it.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tradectl.brokers.kite import KiteAdapter
from tradectl.brokers.kotak_neo import KotakNeoAdapter
from tradectl.brokers.paper import PaperBroker, broker
from tradectl.brokers.paper.store import Store
from tradectl.clock import VirtualClock
from tradectl.context import Context
from tradectl.ledger import engine, opening
from tradectl.ledger.book import Book
from tradectl.ledger.executions import LEASE
from tradectl.ledger.intents import Intents
from tradectl.marketdata.panel import refresh
from tradectl.marketdata.sources import delayed
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import TERMINAL
from tradectl.runtime.stepping import Heartbeat

Hit = Callable[[str], None]
clocks: list[VirtualClock] = []


def count(file: str) -> None:
    """Write how many commands go to the broker and how many commits to the ledger; the command lives."""
    hits = {"command": 0, "commit": 0}

    def hit(kind: str) -> None:
        hits[kind] += 1
        Path(file).write_text(json.dumps(hits), encoding="utf-8")

    watch(before=hit, after=lambda kind: None)


def count_on_a_slow_machine(file: str) -> None:
    """The same, where every look at the machine's clock finds a lease's third gone, so that each step begins with a beat."""
    machine_now, looks = VirtualClock.machine_now, itertools.count()

    def later_each_time(self: VirtualClock) -> datetime:
        return machine_now(self) + next(looks) * LEASE / 3

    VirtualClock.machine_now = later_each_time
    count(file)


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
    """Call these around every command to the broker and every commit of the ledger, but for beats: how many of those there are
    depends on how fast the machine is."""
    for name in ("place", "modify", "cancel"):
        setattr(PaperBroker, name, around(getattr(PaperBroker, name), "command", before, after))
    end, check, beating = engine._Transaction._end, Heartbeat.check, threading.Event()

    def ended(self: Any, thread: Any, error: BaseException | None, *, commit: bool) -> None:
        counts = commit and error is None and not beating.is_set()
        if counts and not thread.must_roll_back:
            before("commit")
        end(self, thread, error, commit=commit)
        if counts:
            after("commit")

    def checked(self: Heartbeat) -> None:
        beating.set()
        check(self)
        beating.clear()

    engine._Transaction._end = ended
    Heartbeat.check = checked
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


COMMANDS = ((PaperBroker, "place"), (PaperBroker, "modify"), (PaperBroker, "cancel"))
CHECKS = ((Intents, "record"), (Intents, "mark_sending"), (Intents, "assert_may"), (Intents, "assert_claim"))
"""Whoever passes one of these, which ends with its commit, may send one command."""
ANSWERS = ((Intents, "record_outcome"), (Book, "note_modified"))
"""What became of a command is written down."""
PLACES = {
    "before the check": (CHECKS, "before"),
    "before the command": (COMMANDS, "before"),
    "before the reply": (COMMANDS, "after"),
    "between two orders": (ANSWERS, "after"),
}
"""Where a process can be stopped on an order's way: before the commit of its intent; past it, and before the exchange hears of
the order; when the exchange has it, and the reply has not been read; when the reply is written down, before the next order."""


def stop(place: str, number: int, file: str, told: str) -> None:
    """Stop at the `number`-th time at one of `PLACES`, and leave the process id in `file`; `tell` as well.

    The paper exchange refuses whoever comes with a clock far behind its own, as who wakes on a virtual clock does. No other
    exchange looks at our clock, and here the fence has to hold alone: so it takes him in, at its own time."""
    tell(told)  # first, so that a process that is stopped before a command has not told it yet
    broker.SKEW = timedelta(days=30)
    calls, when = PLACES[place]
    passed = 0

    def hit(_kind: str) -> None:
        nonlocal passed
        passed += 1
        if passed == number:
            Path(file).write_text(str(os.getpid()), encoding="ascii")
            os.kill(os.getpid(), signal.SIGSTOP)

    before, after = (hit, lambda _: None) if when == "before" else (lambda _: None, hit)
    for owner, name in calls:
        setattr(owner, name, around(getattr(owner, name), place, before, after))


def stop_writing(number: int, file: str) -> None:
    """Stop inside the `number`-th write of the ledger, when everything is written and nothing committed; it holds the lock."""
    passed = 0

    def hit(kind: str) -> None:
        nonlocal passed
        passed += kind == "commit"
        if passed == number:
            passed += 1
            Path(file).write_text(str(os.getpid()), encoding="ascii")
            os.kill(os.getpid(), signal.SIGSTOP)

    watch(before=hit, after=lambda kind: None)


def stop_in_write(number: int, place: str, file: str, told: str) -> None:
    """Stop inside the `number`-th write of the ledger, when it has just `begun` or when everything is `written` and nothing
    committed; the process holds the write lock, and the turn of the writers. `tell` as well."""
    tell(told)
    begin, end = engine._Transaction.__enter__, engine._Transaction._end
    passed = 0

    def stop_at(here: str) -> None:
        if passed == number and place == here and not Path(file).exists():
            Path(file).write_text(str(os.getpid()), encoding="ascii")
            os.kill(os.getpid(), signal.SIGSTOP)

    def begun(self: Any) -> Any:
        nonlocal passed
        connection = begin(self)
        if self.mode == "write" and self.database.thread().depth == 1:
            passed += 1
            stop_at("begun")
        return connection

    def ended(self: Any, thread: Any, error: BaseException | None, *, commit: bool) -> None:
        if commit:
            stop_at("written")
        end(self, thread, error, commit=commit)

    engine._Transaction.__enter__ = begun
    engine._Transaction._end = ended


def tell(told: str) -> None:
    """Write every command to the exchange as a line of `told`, just before it is made: its name, and the tag or order id."""

    def told_first(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def wrapped(self: PaperBroker, what: Any, **named: Any) -> Any:
            with Path(told).open("a", encoding="utf-8") as file:
                file.write(f"{name} {getattr(what, 'tag', what)}\n")
            return call(self, what, **named)

        return wrapped

    for owner, name in COMMANDS:
        setattr(owner, name, told_first(name, getattr(owner, name)))


def later(seconds: float, told: str, dies: bool = False) -> None:
    """The machine's clock is this much later than it is, as if the process had been started after so long a wait; `tell` as
    well. With `dies` it dies before its first order."""
    machine_now = VirtualClock.machine_now

    def ahead(self: VirtualClock) -> datetime:
        return machine_now(self) + timedelta(seconds=seconds)

    def die_first(_kind: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    VirtualClock.machine_now = ahead
    tell(told)
    for owner, name in CHECKS if dies else ():
        setattr(owner, name, around(getattr(owner, name), "check", die_first, die_first))


def sockets(file: str) -> None:
    """Write every address that the process asks for or connects to as a line of a file; nothing is kept from it."""

    def seen(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
            with Path(file).open("a", encoding="utf-8") as lines:
                lines.write(f"{event} {arguments[1:] if event != 'socket.getaddrinfo' else arguments[:2]}\n")

    sys.addaudithook(seen)


def unlimited() -> None:
    """Ask Kite and Kotak as often as is wanted: there are no others at a sandbox."""
    for adapter in (KiteAdapter, KotakNeoAdapter):
        adapter.limits = dict.fromkeys(adapter.limits, ((1_000_000, 1.0),))


def unpaced() -> None:
    """Ask Yahoo as often as is wanted: the site on the loopback has no other users."""
    delayed.QUOTE_LIMITS = replace(delayed.QUOTE_LIMITS, rate=1_000_000)


def impatient(seconds: float) -> None:
    """Wait this long for a lock of the ledger, instead of half a minute."""
    assert opening.open_database.__kwdefaults__["busy_seconds"] == opening.BUSY_SECONDS
    opening.open_database.__kwdefaults__["busy_seconds"] = seconds


def die_importing() -> None:
    """Die in the middle of an import: everything is written, nothing is committed."""

    def died(_folder: Path, _connection: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    refresh.derive = died


def die_following(file: str) -> None:
    """Die when the exchange has given its rows the ids of a new list of renames, before it commits them."""
    follow = Store.follow_renames

    def died(self: Store, *arguments: Any) -> None:
        follow(self, *arguments)
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)

    Store.follow_renames = died


def hold() -> None:
    """Once the task has its claim, say so on stdout and wait for a line on stdin before it goes on."""
    trading = Context.trading

    def held(self: Context) -> Any:
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.readline()
        return trading(self)

    Context.trading = held


def forget_earlier_days() -> None:
    """Show no order that ended before today, and no trade of an earlier day: most brokers empty their book each night."""

    def of_today(read: Callable[[PaperBroker], Any], ended: Callable[[Any], datetime | None]) -> Callable[[PaperBroker], Any]:
        seen: dict[str, Any] = {}

        @wraps(read)
        def shown(self: PaperBroker) -> Any:
            rows, today = read(self), ist_date(self._clock.now())
            if seen.get("of") is not rows or seen["today"] != today:
                kept = tuple(row for row in rows if (at := ended(row)) is None or ist_date(at) >= today)
                seen.update(of=rows, today=today, kept=kept)
            return seen["kept"]

        return shown

    PaperBroker.orders = of_today(PaperBroker.orders, lambda row: row.updated_at if row.status in TERMINAL else None)
    PaperBroker.trades = of_today(PaperBroker.trades, lambda row: row.at)


def replace_exchange(number: int, file: str, other: str) -> None:
    """Put another file in the place of the exchange's, just before the `number`-th write to it."""
    writing, passed = Store.writing, 0

    def replaced(self: Store) -> Any:
        nonlocal passed
        passed += 1
        if passed == number:
            shutil.copy(other, f"{file}.new")
            for ending in ("-wal", "-shm"):
                Path(f"{file}{ending}").unlink(missing_ok=True)
            os.replace(f"{file}.new", file)
        return writing(self)

    Store.writing = replaced
