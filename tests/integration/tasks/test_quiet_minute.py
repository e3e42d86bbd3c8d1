"""A minute in which nothing happens costs little, and still sees whatever another process, a person or the exchange has done.

Each test runs one monitor through its minutes, and lets something happen between two of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

import pytest
from sqlalchemy import update

from tests.support.trading import AFTER, D, T, Trading, ist, stock
from tradectl.errors import Blocked
from tradectl.ledger.opening import open_database
from tradectl.ledger.rows import Intent
from tradectl.ledger.schema import users
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind, CorporateAction
from tradectl.model.order import OrderStatus, Purpose, Side
from tradectl.model.trading_state import RESUME
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.task import Outcome, Task

Event = Callable[[], None]
FALLING = {D: (9500, 9800, 9250, 9400)}
"""From 95 to 92.50 in the first third of the day, and only then up."""
FLAT = {D: (9500, 9500, 9500, 9500)}
"""Far below the target, all day."""


class Elsewhere:
    """Another process with the same ledger."""

    def __init__(self, market: Trading) -> None:
        self._database = open_database(market.folder / "ledger.db", durable=False)
        self.ledger = Ledger(self._database, "asha")

    def close(self) -> None:
        self._database.close()

    def halt(self) -> None:
        with self._database.write() as connection:
            connection.execute(update(users).values(trading_state="HALTED", state_reason="by a person"))


@pytest.fixture
def elsewhere(held: Trading):
    other = Elsewhere(held)
    yield other
    other.close()


@pytest.fixture
def held(trading) -> Trading:
    """100 shares of a stock that falls from its open on until 11:20, with the sell at target resting."""
    market = trading(stock(on=FALLING))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:30")
    return market


def through(market: Trading, until: str, at: str = "", event: Event | None = None) -> list[Outcome]:
    """The outcomes of one monitor's minutes; after that of `at` the event happens."""
    outcomes: list[Outcome] = []

    def watched(_task: Task, now: datetime, outcome: Outcome) -> None:
        outcomes.append(outcome)
        if event is not None and now == ist(D, at):
            event()

    task = next(task for task in all_tasks() if task.name == "sell-monitor")
    report = Runner(market.world, all_tasks(), trigger="manual", progress=watched).run(task, until=ist(D, until))
    stopped = Blocked.exit_code if outcomes[-1].blocked else 0
    assert report.exit_code in {stopped, 7}, report.error
    return outcomes


def lowered(market: Trading) -> int:
    (resting,) = market.orders(Side.SELL)
    return resting.modifications


def test_the_target_follows_a_falling_price(held: Trading) -> None:
    """Without this the others would prove nothing."""
    before = lowered(held)
    through(held, "10:30")
    assert lowered(held) > before + 1


def written(market: Trading) -> dict[str, list[tuple[object, ...]]]:
    """All that a minute could write, as another process reads it."""
    with closing(sqlite3.connect(market.folder / "ledger.db")) as other:
        tables = ("orders", "fills", "positions", "adjustments", "decisions", "outbox", "users")
        return {name: other.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables}


def test_minutes_of_a_flat_price_change_and_write_nothing(trading) -> None:
    market = trading(stock(on=FLAT))
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "09:30")
    before = written(market)
    outcomes = through(market, "10:30")
    assert written(market) == before
    assert [outcome.changed for outcome in outcomes[1:]] == [False] * (len(outcomes) - 1)
    assert len(outcomes) > 55
    assert market.ledger.book.snapshot().orders[0].modifications == 0


def test_a_halt_by_another_process_is_seen_within_the_minute(held: Trading, elsewhere: Elsewhere) -> None:
    seen: list[int] = []

    def halt() -> None:
        elsewhere.halt()
        seen.append(lowered(held))

    outcomes = through(held, "10:30", "09:45", halt)
    assert lowered(held) == seen[0]
    assert outcomes[-1].blocked == f"the account is halted: by a person; {RESUME}"


def test_a_sale_by_hand_is_seen_within_the_minute(held: Trading) -> None:
    def sell() -> None:
        held.broker.manual_trade("ACME", Side.SELL, 40, held.broker.quotes(["ACME"])["ACME"].last // 5 * 5)

    through(held, "09:46", "09:45", sell)
    assert [position.quantity for position in held.positions] == [60]
    assert [order.remaining for order in held.orders(Side.SELL)] == [60]


def test_a_cancel_at_the_exchange_is_mended_within_a_minute(held: Trading) -> None:
    def cancel() -> None:
        (resting,) = (report for report in held.broker.orders() if report.side is Side.SELL)
        held.broker.cancel(resting.broker_order_id)

    through(held, "09:46", "09:45", cancel)
    assert [order.status for order in held.orders(Side.SELL)] == [OrderStatus.CANCELLED, OrderStatus.ONGOING]


def test_an_unknown_order_of_a_process_is_told_in_a_minute(held: Trading, elsewhere: Elsewhere) -> None:
    def doubt() -> None:
        claim = held.claim("test", D)
        intent = Intent(
            instrument_id="OTHER",
            symbol="OTHER",
            side=Side.BUY,
            purpose=Purpose.ENTRY,
            quantity=5,
            price=10000,
            session=D,
            decided=T,
            leg="entry:9",
        )
        order = elsewhere.ledger.book.intents.record(
            claim, intent, "ABCDEFGHIJKLMNO", 0, now=held.clock.now(), machine_now=held.clock.machine_now(),
            status=OrderStatus.PENDING, sending=True,
        )  # fmt: skip
        elsewhere.ledger.book.intents.mark_unknown(order, "a timeout", held.clock.now(), absent_since=None)

    outcomes = through(held, "09:46", "09:45", doubt)
    assert outcomes[-1].unknown == 1


def test_what_is_left_of_a_buy_goes_in_the_minute_after_a_sale(held: Trading) -> None:
    """The sale itself may have been found by another process: its fill is in the book when this one looks."""
    claim = held.claim("test", D)
    more = Intent(
        instrument_id="ACME",
        symbol="ACME",
        side=Side.BUY,
        purpose=Purpose.REENTRY,
        quantity=10,
        price=9000,
        session=D,
        decided=T,
        leg="entry:2",
    )
    assert held.trading(claim).path.place(more).ok
    held.ledger.executions.release(claim, 1, {})

    def sell() -> None:
        held.broker.manual_trade("ACME", Side.SELL, 100, held.broker.quotes(["ACME"])["ACME"].last // 5 * 5)

    through(held, "09:46", "09:45", sell)
    assert held.orders(Side.BUY)[-1].status is OrderStatus.CANCELLED


def test_the_same_snapshot_later_meets_that_days_actions(trading) -> None:
    """Nothing was written overnight, so the snapshot is the same object; a split of the new day is applied all the same."""
    listing = stock(on=dict.fromkeys((D, AFTER), FLAT[D]))
    listing.actions.append(CorporateAction("ACME", AFTER, ActionKind.SPLIT, 2))
    market = trading(listing)
    market.buy(100, 9600)
    market.to(D, "09:15")
    market.monitor(D, "10:00")
    trading_session = market.trading(market.claim("test", D))
    market.to(D, "18:00")
    trading_session.reconcile()
    before = trading_session.snapshot
    assert [position.quantity for position in before.positions] == [100]
    market.to(AFTER, "09:00")
    assert trading_session.snapshot is before
    trading_session.reconcile()
    assert [position.quantity for position in market.positions] == [200]
