"""A whole trading world in one hand: real ledger, real paper exchange, real runner; a market in memory and a virtual clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from tests.support.brokers.market import MarketListing, MemoryMarket
from tradectl.bootstrap import PaperWorld
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.context import Context
from tradectl.exchange.sessions import SessionTable
from tradectl.execution import reconcile
from tradectl.execution.changes import Changes
from tradectl.execution.trading_session import TradingSession, read_broker
from tradectl.halt_marker import MarkerFile
from tradectl.ledger.book import Book
from tradectl.ledger.executions import Claim
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Intent, Order, Position
from tradectl.ledger.store import Ledger
from tradectl.model.market import Bar, Instrument
from tradectl.model.moment import at_ist
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.model.trading_state import ACTIVE
from tradectl.notify.console import SilentNotifier
from tradectl.ports import Broker, Clock, MarketData
from tradectl.runtime.outcomes import Report
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.screener.readings import Readings
from tradectl.strategy.parameters import Parameters, with_changes

SESSIONS = SessionTable.load()
CASH = 1_000_000_00
"""Rs 10,00,000 in paise."""
DAYS = [session.date for session in SESSIONS.run_between(date(2023, 6, 1), date(2023, 7, 21))]
"""Ordinary sessions; tests trade on the last few of them."""
T, D, AFTER = DAYS[-5], DAYS[-4], DAYS[-3]
"""The session that decides, the one that trades, the one after it."""


def ist(day: date, text: str) -> datetime:
    return at_ist(day, time.fromisoformat(text)).astimezone(UTC)


Prices = dict[date, tuple[int, int, int, int]]


def stock(
    symbol: str = "ACME", *, price: int = 10000, series: str = "EQ", on: Prices | None = None, volume: int = 375_000
) -> MarketListing:
    """A stock that never moves, but on the days of `on` (open, high, low, close)."""
    days = on or {}
    bars = [Bar(day, *days.get(day, (price, price, price, price)), volume, series) for day in DAYS]
    return MarketListing(Instrument(symbol, symbol, series, f"INE{symbol}", 5), bars)


EVENING = ist(T, "16:30")


class Trading:
    """One user on one paper account. Commands of a test go through the order path; tasks through the runner."""

    def __init__(self, folder: Path, *listings: MarketListing, at: datetime = EVENING, cash: int = CASH, **changes: str) -> None:
        self.folder, self.market, self.clock = folder, MemoryMarket(*listings), VirtualClock(at)
        self.parameters = with_changes(Parameters(), {"universe": "all", **changes})
        database = open_database(folder / "ledger.db", durable=False)
        create_or_upgrade(database)
        self.ledger = Ledger(database, "asha")
        self.ledger.users.add("asha", capital=cash, created_at=at, role="admin")
        self.ledger.schedules.seed(all_tasks())
        self.ledger.info.set("clock", "virtual")
        self.ledger.info.set("mode", "paper")
        self.marker = MarkerFile(folder, "asha")
        self.marker.make(ACTIVE, at)
        self.broker = self._broker()
        self.broker.open_account(cash)
        self.world = self._world()

    def _broker(self) -> PaperBroker:
        share = self.parameters.participation
        return PaperBroker(
            self.folder / "paper.db", "asha", self.clock, self.market, SESSIONS, participation=share, durable=False
        )

    def _world(self) -> PaperWorld:
        readings = Readings(self.market, self.parameters)
        return PaperWorld(
            "asha",
            "paper",
            self.clock,
            SESSIONS,
            self.market,
            self.broker,
            self.ledger,
            SilentNotifier(),
            self.parameters,
            readings,
            self.marker,
        )

    def to(self, day: date, text: str) -> None:
        self.clock.move_to(ist(day, text))

    def run(self, name: str, **how: Any) -> Report:
        """Run a task now, through the runner."""
        task = next(task for task in all_tasks() if task.name == name)
        return Runner(self.world, all_tasks(), trigger="manual").run(task, **how)

    def monitor(self, day: date, until: str) -> Report:
        """The sell monitor from now until a moment of the day."""
        return self.run("sell-monitor", until=ist(day, until))

    def claim(self, name: str, session: date) -> Claim:
        """A claim as a task has it, for orders that a test places itself."""
        taken = self.ledger.executions.claim(
            name,
            session,
            "",
            owner=current_identity(),
            trigger="manual",
            machine_now=self.clock.machine_now(),
            now=self.clock.now(),
        )
        assert isinstance(taken, Claim)
        return taken

    def trading(self, claim: Claim) -> TradingSession:
        return Context(self.world, claim.session, claim.slot, claim).trading()

    def buy(self, quantity: int, price: int, *, session: date = D, symbol: str = "ACME") -> Order:
        """An entry for a session, as `buy` places it the evening before."""
        answer = self.trading(self.claim("test", T)).path.place(entry(quantity, price, session=session, symbol=symbol))
        self.ledger.executions.finish(self.claim_of("test"), "failed", {}, now=self.clock.now(), steps=1)
        assert answer.order is not None, answer.reason
        return answer.order

    def record(self, claim: Claim, intent: Intent, tag: str, *, status: OrderStatus = OrderStatus.PENDING) -> Order:
        """An intent as a process leaves it that dies: about to be sent, or waiting (RETRY_PENDING)."""
        return self.ledger.book.intents.record(
            claim,
            intent,
            tag,
            0,
            now=self.clock.now(),
            machine_now=self.clock.machine_now(),
            status=status,
            reason="" if status is OrderStatus.PENDING else "funds",
            sending=status is OrderStatus.PENDING,
        )

    def claim_of(self, name: str) -> Claim:
        row = next(row for row in self.ledger.executions.list(task=name, status="running"))
        return Claim(row.id, row.user, row.task, row.session_date, row.slot, row.attempt, row.owner or "")

    @property
    def positions(self) -> tuple[Position, ...]:
        return self.ledger.book.snapshot().positions

    def orders(self, side: Side, session: date = D) -> list[Order]:
        return [order for order in self.ledger.book.orders(session=session) if order.side is side]


def entry(quantity: int, price: int, *, session: date = D, symbol: str = "ACME", level: int = 30) -> Intent:
    return Intent(
        instrument_id=symbol,
        symbol=symbol,
        side=Side.BUY,
        purpose=Purpose.ENTRY,
        quantity=quantity,
        price=price,
        session=session,
        decided=T,
        leg="entry:1",
        variety=Variety.AMO,
        level=level,
    )


def follow(book: Book, broker: Broker, market: MarketData, clock: Clock) -> Changes:
    """Read the broker's lists and fold what is new into the book, as `TradingSession.follow` does."""
    return reconcile.follow(book, broker, market, read_broker(book, broker, clock))
