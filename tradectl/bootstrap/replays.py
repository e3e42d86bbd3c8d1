"""Run a recorded session again in a folder of its own.

The ledger is rebuilt from the journal. The paper exchange begins with the cash and the shares of that ledger. It gets the orders
that were waiting there, at the moments at which they were sent. Bars come from the home's market data, or from a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tradectl.bootstrap.sources import open_store
from tradectl.bootstrap.tariffs import with_tariff
from tradectl.bootstrap.worlds import PaperWorld, paper_world, readings_of
from tradectl.clock import VirtualClock
from tradectl.halt_marker import MemoryMarker
from tradectl.lazy import resolved
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.ledger.past_state import Row
    from tradectl.ledger.recorded_session import RecordedSession
    from tradectl.ledger.rows import Order
    from tradectl.ledger.store import Ledger
    from tradectl.marketdata.store import Store
    from tradectl.runtime.outcomes import Report
    from tradectl.runtime.replay import Change
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters
    from tradectl.world import World

EVENING = ("analyze", "buy")
"""The tasks whose inputs are stored in every home: bars, settings and the book."""
DAY = ("premarket-retry", "amo-adjust", "sell-monitor", "position-monitor", "analyze", "buy", "eod")


def run_again(
    settings: Settings, folder: Path, recorded: RecordedSession, changes: Mapping[str, str]
) -> tuple[Ledger, list[Report]]:
    """Run a recorded session again in `folder`, with some settings changed; return the ledger after it and the tasks' reports."""
    from tradectl.runtime.registry import all_tasks
    from tradectl.runtime.replay import replay

    market = open_store(settings)
    world = _open(settings, folder, recorded, changes, market)
    return world.ledger, replay(world, all_tasks(), recorded, changes_by_people(settings, market, recorded, changes))


def _open(settings: Settings, folder: Path, recorded: RecordedSession, changes: Mapping[str, str], market: Store) -> PaperWorld:
    """Return the world at the moment before the first run, or before the first waiting order was sent."""
    from tradectl.notify.console import SilentNotifier

    ledger = rebuilt_ledger(folder, recorded, changes, market, alone=True)
    for key, value in {"clock": "virtual", "mode": "paper"}.items():
        ledger.info.set(key, value)
    waiting = [
        order for order in ledger.book.snapshot().orders if order.broker_order_id is not None and order.sent_at is not None
    ]
    first = min([datetime.fromisoformat(recorded.runs[0].at), *(order.sent_at for order in waiting if order.sent_at)])
    clock = VirtualClock(first)
    session = date.fromisoformat(recorded.session)
    begun = ist_date(first) == session and recorded.runs[0].task in EVENING
    _open_exchange(folder, ledger, first, session if begun else min(ist_date(first), session - timedelta(days=1)))
    world = paper_world(
        ledger,
        clock,
        market,
        market.sessions,
        parameters_of_ledger(settings, ledger),
        paper=folder / "paper.db",
        notifier=SilentNotifier(),
        marker=MemoryMarker(),
        mode="paper",
        durable=False,
        alone=True,
    )
    world = replace(world, broker=resolved(world.broker), readings=resolved(world.readings))
    _send_waiting(world, clock, sorted(waiting, key=lambda order: order.id))
    return world


def rebuilt_ledger(folder: Path, recorded: RecordedSession, changes: Mapping[str, str], market: Store, *, alone: bool) -> Ledger:
    """Return a ledger in `folder` as it was before the first run, with some settings changed."""
    from tradectl.ledger.instrument_ids import follow_renames
    from tradectl.ledger.migrations import create_or_upgrade
    from tradectl.ledger.opening import open_database
    from tradectl.ledger.past_state import write_rows
    from tradectl.ledger.store import Ledger

    database = open_database(folder / "ledger.db", durable=False, alone=alone)
    create_or_upgrade(database)
    write_rows(database, recorded.before)
    ledger = Ledger(database, recorded.user)
    follow_renames(ledger, market.renames(), datetime.fromisoformat(recorded.runs[0].at))
    for key, value in changes.items():
        ledger.settings.set(key, value)
    return ledger


def changes_by_people(settings: Settings, market: Store, recorded: RecordedSession, changes: Mapping[str, str]) -> list[Change]:
    """Return the changes of a session by people, without the settings that the replay changes."""
    return [
        (datetime.fromisoformat(at), partial(_changed, settings, market, table, row))
        for at, table, row in recorded.changes
        if not (table == "user_trading_config" and row["key"] in changes)
    ]


def parameters_of_ledger(settings: Settings, ledger: Ledger) -> Parameters:
    """Return the parameters by the settings that a ledger holds."""
    from tradectl.strategy.parameters import Parameters, with_changes

    own = ledger.settings.list()
    return with_tariff(with_changes(Parameters(), own), settings, None, own)


def _open_exchange(folder: Path, ledger: Ledger, at: datetime, day: date) -> None:
    """Make the exchange's file with the cash and the lots of the ledger. `day`: the last session whose beginning is applied."""
    from tradectl.brokers.paper.store import Store as PaperStore
    from tradectl.ledger.exchange_mark import ExchangeMark, Mark

    lots = [
        ((position.instrument_id, position.symbol, lot.quantity, lot.cost), lot.session)
        for position in ledger.book.snapshot().positions
        for lot in ledger.book.folded(position.id).lots
    ]
    with closing(PaperStore(folder / "paper.db", durable=False)) as file:
        held, bought = [shares for shares, _ in lots], [bought_on for _, bought_on in lots]
        count = file.open_with(ledger.user, at, day, ledger.book.cash(), held, bought=bought)
        ExchangeMark(ledger.database, ledger.user).accept(Mark(file.identity, count))


def _send_waiting(world: PaperWorld, clock: VirtualClock, orders: Sequence[Order]) -> None:
    """Send the orders again that waited at the exchange, each at its moment; the ledger gets the new numbers."""
    from sqlalchemy import update

    from tradectl.ledger.schema import orders as table
    from tradectl.model.order import OrderRequest

    for order in orders:
        assert order.sent_at is not None
        if order.sent_at > clock.now():
            clock.move_to(order.sent_at)
        request = OrderRequest(order.tag, order.symbol, order.side, order.quantity, order.price, variety=order.variety)
        number = world.broker.place(request)
        with world.ledger.database.write() as connection:
            connection.execute(update(table).where(table.c.id == order.id).values(broker_order_id=number))


def _changed(settings: Settings, market: Store, table: str, row: Row, world: World) -> World:
    """Make a person's change of settings, schedule or state; return the world with it. A setting without a value is unset."""
    from tradectl.ledger.past_state import write_rows

    if table == "user_trading_config" and row["value"] is None:
        world.ledger.settings.unset(row["key"])
    else:
        write_rows(world.ledger.database, {table: [row]})
    parameters = parameters_of_ledger(settings, world.ledger)
    if parameters == world.parameters:
        return world
    return replace(world, parameters=parameters, readings=resolved(readings_of(market, parameters)))
