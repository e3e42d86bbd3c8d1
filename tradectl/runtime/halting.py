"""Copy a halt from the halt marker into the ledger, and store when the account was resumed.

After `resume` a failed task does not wait for its next attempt.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tradectl.errors import Blocked, DatabaseError
from tradectl.model.message_kind import MessageKind
from tradectl.model.trading_state import MEANING, TRADING_STATES

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger
    from tradectl.world import World


_NEXT = {
    "ACTIVE": "`tradectl status` shows the account.",
    "REDUCING": "`tradectl resume` allows buys again.",
    "HALTED": "`tradectl positions` shows what has no live sell order; `tradectl resume` allows orders again.",
}
"""What helps next, by trading state."""


def follow_marker(world: World) -> None:
    """Copy a halt into the ledger that was set while the ledger could not be written. Only the marker stopped orders so far."""
    try:
        if _is_ahead(world):
            with world.ledger.database.write():
                if _is_ahead(world):  # `resume` renames the marker before it changes the ledger
                    _follow(world)
    except (Blocked, DatabaseError):
        return


def _is_ahead(world: World) -> bool:
    marked = world.marker.read()
    if marked.state == "ACTIVE" or marked.resuming:
        return False
    known = world.ledger.users.get(world.user).trading_state
    return TRADING_STATES.index(marked.state) > TRADING_STATES.index(known)


def _follow(world: World) -> None:
    ledger, marked = world.ledger, world.marker.read()
    before = ledger.users.get(world.user).trading_state
    ledger.users.set_trading_state(world.user, marked.state, marked.reason)
    text = f"{MEANING[marked.state]}: {marked.reason} (was {before}); copied from the halt marker"
    ledger.logs.append(world.clock.now(), "warning", marked.state.lower(), text)
    announce_state(ledger, world.clock.now(), marked.state, text)


def announce_state(ledger: Ledger, now: datetime, state: str, text: str) -> None:
    """Queue the message about a new trading state, in the transaction that sets it."""
    title = "the account is resumed" if state == "ACTIVE" else f"the account is {state}"
    ledger.outbox.add(now, title, f"{text}. {_NEXT[state]}", f"state:{state}:{now.isoformat()}", kind=MessageKind.HALTED)


def note_resumed(ledger: Ledger, now: datetime) -> None:
    """Store when the account was resumed."""
    ledger.info.set(_key(ledger), now.isoformat())


def resumed_at(ledger: Ledger) -> datetime | None:
    """Return when the account was last resumed; None if never."""
    moment = ledger.info.get(_key(ledger))
    return datetime.fromisoformat(moment) if moment else None


def _key(ledger: Ledger) -> str:
    return f"resumed.{ledger.user}"[:64]
