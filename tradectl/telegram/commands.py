"""Carry out the commands of a paired chat, each at most once, and return the replies.

A read-only command is recorded before its reply is made: a crash loses a reply and repeats nothing. A verdict about a list of
buys is written in the transaction of its record. A halt sets the halt marker first, which needs no ledger, and is recorded
afterwards: a crash in between repeats it, and to set the same state again changes nothing. A halt from before the last
`resume` is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import Blocked, DatabaseError, TradectlError
from tradectl.halt_marker import MarkerFile, plain_reason
from tradectl.ledger.approvals import Approvals, Verdict
from tradectl.ledger.telegram_updates import TelegramUpdates
from tradectl.model.moment import to_ist
from tradectl.model.money import grouped
from tradectl.model.trading_state import MEANING, TradingState
from tradectl.runtime.halting import follow_marker, resumed_at
from tradectl.telegram import replies

if TYPE_CHECKING:
    from tradectl.ports import Clock, HaltMarker
    from tradectl.telegram.messages import PhoneMessage
    from tradectl.telegram.pairing import PairedChat
    from tradectl.world import World

OLDEST = timedelta(minutes=10)
"""An older command is answered and not carried out."""
_SECOND = timedelta(seconds=1)
"""The resolution of Telegram's times."""
STATES = {"/halt": "HALTED", "/reducing": "REDUCING"}
VERDICTS = {"/approve": Verdict.APPROVED, "/reject": Verdict.REJECTED}
AT_THE_TERMINAL = frozenset({"/resume", "/arm", "/buy", "/sell", "/cancel", "/login", "/daemon", "/config", "/disarm"})
READS: dict[str, Callable[[World], str]] = {
    "/status": replies.status,
    "/positions": replies.positions,
    "/orders": replies.orders,
    "/pnl": replies.pnl,
}
Open = Callable[[bool], "World"]
"""Opens the user's world; the argument is whether it is only read."""


class PhoneCommands(Struct, frozen=True):
    """Carries out the commands of one user's phones.

    Attributes:
        open_world: Opens the user's world, which the command closes again.
        home: The folder with the halt marker.
    """

    open_world: Open
    home: Path
    user: str
    clock: Clock

    def carry_out(self, message: PhoneMessage, chat: PairedChat) -> str:
        """Carry out a command once; return the reply, empty for a command that was handled before.

        Raises DatabaseError if the ledger cannot be read or written; a halt is then set in the marker and not yet recorded.
        """
        name, *rest = message.words
        age = self.clock.now() - message.sent_at
        if age > OLDEST:
            return self._read(message, lambda world: self._too_late(world, message, age))
        if name in STATES:
            return self._halt(message, STATES[name], f"by phone, {chat.name}")
        if name in VERDICTS:
            return self._decide(message, VERDICTS[name], rest, chat)
        if name in READS:
            return self._read(message, READS[name])
        if name == "/why":
            return self._read(message, lambda world: replies.why(world, rest))
        if name in AT_THE_TERMINAL:
            text = f"{name[1:]} is not accepted from a phone: use `tradectl` at the terminal. Nothing was changed."
        elif name in {"/help", "/start", "/pair"}:
            text = replies.HELP
        else:
            text = "Unknown command; nothing was changed. /help lists the commands."
        return self._read(message, lambda _: text)

    def _read(self, message: PhoneMessage, reply: Callable[[World], str]) -> str:
        if not self._record(message):
            return ""
        with self._opened(read_only=True) as world:
            try:
                return reply(world)
            except TradectlError as error:
                return f"No answer: {' '.join(str(error).split())}"

    def _record(self, message: PhoneMessage) -> bool:
        with self._opened(read_only=False) as world:
            return _record(world, message, self.clock.now())

    def _too_late(self, world: World, message: PhoneMessage, age: timedelta) -> str:
        name = message.words[0][:16]
        marked = "HALTED" if not world.marker.exists() else _read_marker(world.marker).state
        minutes = grouped(int(age.total_seconds() // 60))
        return (
            f"{name} of {to_ist(message.sent_at):%d %b %H:%M} arrived {minutes} minutes late and was NOT carried out. "
            f"The account is {marked}: {MEANING[marked]}. Send it again if you still want it."
        )

    def _halt(self, message: PhoneMessage, wanted: str, reason: str) -> str:
        if self._handled(message):
            return ""
        resumed = self._resumed()
        if resumed is not None and resumed > message.sent_at + _SECOND:
            text = f"{wanted} was NOT set: `resume` was given at {to_ist(resumed):%H:%M:%S}, after your message. Send it again."
            return self._read(message, lambda _: text)
        marker, now = MarkerFile(self.home, self.user), self.clock.now()
        before = _read_marker(marker)
        unset = ""
        if not (before.state == wanted and not before.resuming) and not (wanted == "REDUCING" and before.state == "HALTED"):
            try:
                marker.set(wanted, plain_reason(reason), now)
            except OSError as error:
                unset = f"NOT {wanted}: the halt marker cannot be set ({error.strerror or 'error'}). Use the terminal at once."
        try:
            return self._halt_recorded(message, unset, marker)
        except DatabaseError:
            if unset:
                raise
            state = _read_marker(marker).state
            text = f"{state}: {MEANING[state]}. The ledger cannot be read now, so the orders are not counted."
            raise _Unrecorded(text) from None

    def _halt_recorded(self, message: PhoneMessage, unset: str, marker: MarkerFile) -> str:
        """Copy the marker into the ledger, record the update, and return the reply."""
        with self._opened(read_only=False) as world:
            follow_marker(world)
            if not _record(world, message, self.clock.now()):
                return ""
            if unset:
                return unset
            state = _read_marker(marker)
            open_orders = world.ledger.book.snapshot().orders
            live = sum(order.alive and not order.waiting for order in open_orders)
        lines = [f"{state.state}, {state.reason}: {MEANING[state.state]}"]
        if live:
            what = "order is" if live == 1 else "orders are"
            lines.append(f"{grouped(live)} {what} at the exchange and may trade.")
            lines.append("`tradectl orders cancel --all` at the terminal cancels them.")
        lines.append("`tradectl resume` at the terminal ends it.")
        return "\n".join(lines)

    def _decide(self, message: PhoneMessage, verdict: Verdict, words: list[str], chat: PairedChat) -> str:
        """Write a verdict and the record in one transaction."""
        with self._opened(read_only=False) as world, world.ledger.database.write():
            if not _record(world, message, now := self.clock.now()):
                return ""
            approvals = Approvals(world.ledger.database, self.user)
            shown = [item for item in approvals.open_at(now) if item.shown_at is not None]
            if not shown:
                return "No list of buys waits for an answer; nothing was changed."
            asked = shown[-1]
            if words and words[0].lower() != asked.list_hash:
                return f"That is not the list that waits ({asked.list_hash}); nothing was changed."
            if not words and (asked.shown_at is None or message.sent_at + _SECOND < asked.shown_at):
                return f"The list is newer than your message: answer with its code {asked.list_hash}. Nothing was changed."
            if not approvals.decide(asked.session, asked.list_hash, verdict, now, by=chat.name):
                return "The list was decided before; nothing was changed."
            text = f"the list {asked.list_hash} of {len(asked.lines)} buys for {asked.for_session} was {verdict} by {chat.name}"
            world.ledger.logs.append(now, "warning", f"buys_{verdict}", text, task="buy")
        if verdict is Verdict.REJECTED:
            return f"Rejected: none of the {len(asked.lines)} buys for {asked.for_session} is sent."
        return f"Approved: `buy` sends these {len(asked.lines)} orders within a minute if it runs, within all limits."

    def _handled(self, message: PhoneMessage) -> bool:
        """Return whether an update was handled before; False if the ledger cannot tell."""
        try:
            with self._opened(read_only=True) as world:
                return TelegramUpdates(world.ledger.database, self.user).handled(message.update_id)
        except DatabaseError:
            return False

    def _resumed(self) -> datetime | None:
        """Return when the account was last resumed; None if never, or if the ledger cannot be read."""
        try:
            with self._opened(read_only=True) as world:
                return resumed_at(world.ledger)
        except DatabaseError:
            return None

    @contextmanager
    def _opened(self, *, read_only: bool) -> Iterator[World]:
        world = self.open_world(read_only)
        try:
            yield world
        finally:
            world.close()


class _Unrecorded(DatabaseError):
    """A halt was set, and the ledger could not record it. The message is the reply."""


def reply_of(error: DatabaseError) -> str:
    """Return the reply to a command that was carried out without its record; empty for any other error."""
    return str(error) if isinstance(error, _Unrecorded) else ""


def _record(world: World, message: PhoneMessage, now: datetime) -> bool:
    """Record a command as handled; return False if it was recorded before."""
    updates = TelegramUpdates(world.ledger.database, world.user)
    name = message.words[0] if message.words[0].startswith("/") else "text"
    return updates.record(message.update_id, message.chat_id, name, now)


def _read_marker(marker: HaltMarker) -> TradingState:
    """Return the marker's state. An unreadable marker counts as HALTED, as before every send."""
    try:
        return marker.read()
    except Blocked as unreadable:
        return TradingState("HALTED", str(unreadable), resuming=True)
