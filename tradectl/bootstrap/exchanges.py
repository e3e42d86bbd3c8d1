"""A paper exchange that the ledger does not know: taken as it is, or made anew from what the ledger knows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import UsageError
from tradectl.model.moment import ist_date, to_ist

if TYPE_CHECKING:
    from tradectl.task import World

BESIDE = ("", "-wal", "-shm")
"""The endings of a database's files."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was done. `aside`: where the file went that was there. Orders and positions are counts, cash is in paise."""

    file: Path
    aside: Path | None
    orders_ended: int = 0
    positions: int = 0
    cash: int = 0


def accept_exchange(world: World, file: Path) -> Accepted:
    """Take the exchange in `file` as that of this ledger from now on. UsageError where it has no account of the user."""
    from tradectl.brokers.paper.store import Store
    from tradectl.ledger.exchange_mark import ExchangeMark, Mark

    if not file.exists():
        raise UsageError(f"{file} is missing: `tradectl sandbox accept --new` begins a new account from what the ledger knows")
    with closing(Store(file, create=False)) as store:
        book = store.load(world.user)
        if book is None:
            raise UsageError(f"{file} has no account of {world.user}: `--new` begins one from what the ledger knows")
        with store.writing():
            store.begin_series(world.user)
        mark = Mark(store.identity, book.change_count)
    ExchangeMark(world.ledger.database, world.user).accept(mark)
    return Accepted(file, None)


def renew_exchange(world: World, file: Path) -> Accepted:
    """Begin a new exchange with the cash and the shares of the ledger. Its unfinished orders end: they rest nowhere.

    The exchange is made first, then the ledger follows in one transaction. A death in between leaves two that do not fit, and the
    same command helps again."""
    from tradectl.brokers.paper.store import Store
    from tradectl.execution.actions import apply_actions
    from tradectl.execution.unknown import DECIDED
    from tradectl.ledger.exchange_mark import ExchangeMark, Mark
    from tradectl.model.order import OrderStatus

    now, ledger = world.clock.now(), world.ledger
    book, today = ledger.book, ist_date(now)
    apply_actions(book, book.snapshot(), world.market, world.clock, lambda _: None)
    shares = [item for item in book.positions() if item.quantity]
    cash = book.cash()
    aside = _set_aside(file, f"{to_ist(now):%Y-%m-%d-%H%M%S}")
    with closing(Store(file)) as store:
        made = store.open_with(
            world.user, now, today, cash, [(item.instrument_id, item.symbol, item.quantity, item.cost) for item in shares]
        )
        mark = Mark(store.identity, made)
    with ledger.database.write():
        orders = [order for order in book.snapshot().orders if order.sending_at is not None and not order.waiting]
        for order in orders:
            book.intents.move(order, OrderStatus.CANCELLED, f"{DECIDED}: the paper exchange was begun anew", now)
        ExchangeMark(ledger.database, world.user).accept(mark)
        text = f"a new paper exchange with {len(shares)} positions; {len(orders)} unfinished orders ended"
        ledger.logs.append(now, "warning", "exchange_renewed", text)
    return Accepted(file, aside, len(orders), len(shares), cash)


def _set_aside(file: Path, stamp: str) -> Path | None:
    """Rename an exchange's files; None where there is none. A process that still uses it notices and stops."""
    if not file.exists():
        return None
    aside = file.with_name(f"{file.name}.{stamp}")
    for ending in BESIDE:
        beside = file.with_name(f"{file.name}{ending}")
        if beside.exists():
            beside.rename(aside.with_name(f"{aside.name}{ending}"))
    return aside
