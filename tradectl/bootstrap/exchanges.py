"""Accept a paper exchange that does not fit the ledger, or create a new one from the ledger."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import UsageError
from tradectl.model.moment import ist_date, to_ist

if TYPE_CHECKING:
    from datetime import datetime

    from tradectl.ledger.exchange_mark import Mark
    from tradectl.ledger.store import Ledger
    from tradectl.world import World

BESIDE = ("", "-wal", "-shm")
"""The endings of the names of a database's files."""


class Accepted(Struct, frozen=True):
    """The result of accepting or replacing an exchange.

    Attributes:
        file: The exchange's file.
        aside: The new path of the old file; None if there was none.
        orders_ended, positions: Counts of the new exchange; 0 for an accepted one.
        cash: In paise.
    """

    file: Path
    aside: Path | None
    orders_ended: int = 0
    positions: int = 0
    cash: int = 0


def accept_exchange(world: World, file: Path) -> Accepted:
    """Accept the exchange in `file` as the exchange of this ledger, for each of its users.

    Raises UsageError if the file is missing or has no account of this world's user.
    """
    from tradectl.brokers.paper.store import Store
    from tradectl.ledger.exchange_mark import ExchangeMark, Mark

    if not file.exists():
        raise UsageError(f"{file} is missing: `tradectl sandbox accept --new` creates a new account from the ledger")
    marks = {}
    with closing(Store(file, create=False)) as store:
        for user in (item.user for item in world.ledger.users.list()):
            book = store.load(user)
            if book is not None:
                with store.writing():
                    store.begin_series(user)
            marks[user] = Mark(store.identity, book.change_count if book is not None else 0)
        if not marks[world.user].changes:
            raise UsageError(
                f"{file} has no account of {world.user}: `tradectl sandbox accept --new` creates one from the ledger"
            )
    with world.ledger.database.write():
        for user, mark in marks.items():
            ExchangeMark(world.ledger.database, user).accept(mark)
    return Accepted(file, None)


def renew_exchange(world: World, file: Path) -> Accepted:
    """Create a new exchange with the cash and the shares of the ledger, for each of its users.

    Orders that were at the old exchange are cancelled in the ledger. The exchange is made first, then the ledger is changed in
    one transaction. If the process dies in between, the two do not fit; the same command then repairs them.
    """
    from tradectl.brokers.paper.store import Store
    from tradectl.execution.corporate_actions import apply_actions
    from tradectl.execution.step_view import StepView
    from tradectl.ledger.exchange_mark import ExchangeMark, Mark

    now, ledger = world.clock.now(), world.ledger
    today = ist_date(now)
    marks = []
    positions = cash = 0
    aside = _set_aside(file, f"{to_ist(now):%Y-%m-%d-%H%M%S}")
    with closing(Store(file)) as store:
        for user in (item.user for item in ledger.users.list()):
            own, known = ledger.for_user(user), ExchangeMark(ledger.database, user)
            if user != world.user and known.last() is None and not known.orders_placed():
                continue  # the first task of this user opens the account
            seen = StepView.of(now, own.book.snapshot(), own.book.broker)
            apply_actions(own.book, seen, world.market, lambda _: None)
            shares = [item for item in own.book.positions() if item.quantity]
            held = [(item.instrument_id, item.symbol, item.quantity, item.cost) for item in shares]
            marks.append((own, Mark(store.identity, store.open_with(user, now, today, own.book.cash(), held))))
            positions, cash = positions + len(shares), cash + own.book.cash()
    with ledger.database.write():
        ended = sum(_follow(own, mark, now) for own, mark in marks)
    return Accepted(file, aside, ended, positions, cash)


def _follow(ledger: Ledger, mark: Mark, now: datetime) -> int:
    """Cancel a user's open orders at the old exchange and store the mark of the new one. Return the number of orders."""
    from tradectl.ledger.exchange_mark import ExchangeMark
    from tradectl.model.order import OrderStatus, ReasonCode

    orders = [order for order in ledger.book.snapshot().orders if order.sending_at is not None and not order.waiting]
    code = ReasonCode.DECIDED
    for order in orders:
        ledger.book.intents.move(order, OrderStatus.CANCELLED, code.text("the paper exchange was reset"), now, code=code)
    ExchangeMark(ledger.database, ledger.user).accept(mark)
    text = f"the paper exchange was reset; {len(orders)} unfinished orders were cancelled"
    ledger.logs.append(now, "warning", "exchange_renewed", text)
    return len(orders)


def _set_aside(file: Path, stamp: str) -> Path | None:
    """Rename the files of an exchange and return the new path; None if there is no exchange.

    A process that still uses the old exchange detects the change and stops.
    """
    if not file.exists():
        return None
    aside = file.with_name(f"{file.name}.{stamp}")
    for ending in BESIDE:
        beside = file.with_name(f"{file.name}{ending}")
        if beside.exists():
            beside.rename(aside.with_name(f"{aside.name}{ending}"))
    return aside
