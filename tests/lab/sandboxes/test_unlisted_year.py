"""The first sessions of a year without a list of holidays, through each broker's adapter: exits run, and nothing is bought.

The server stands for the broker, whose own calendar knows the year; the home's does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.integration.tasks.test_turn_of_year import LAST, NEW, OLD_YEAR, SATURDAY, SECOND, Prices, Turn
from tests.support.brokers.kotak import CLIENT, credentials, nobody
from tests.support.brokers.market import MarketListing
from tests.support.brokers.vault import MemoryVault
from tests.support.hands import operate
from tests.support.trading import ist
from tests.support.zerodha import KEY, SECRET, browse
from tests.unit.exchange.test_holiday_list import answer
from tradectl.brokers import kite, kotak_neo, openalgo
from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.adapter import Adapter, BrokerAccount
from tradectl.brokers.paper import PaperBroker
from tradectl.exchange.holiday_list import fill, read_holiday_list
from tradectl.exchange.sessions import SessionTable
from tradectl.halt_marker import MemoryMarker
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox
from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.ledger.arming import BROKER, LOGGED_IN_UNTIL, Arming
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Side

ADAPTERS: dict[str, Adapter] = {
    "kite": kite.ADAPTER,
    "kotak_neo": kotak_neo.ADAPTER,
    "openalgo": openalgo.ADAPTER,
}


class Trades(Prices):
    """Prices whose volume grows while the exchange is open."""

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        found = super().quotes(symbols)
        return {symbol: replace(quote, volume=1000 + self._seconds(quote)) for symbol, quote in found.items()}

    def _seconds(self, quote: Quote) -> int:
        assert quote.last_trade_at is not None
        return int((quote.last_trade_at - ist(ist_date(quote.last_trade_at), "09:15")).total_seconds())


class FarTurn(Turn):
    """The turn of the year behind a broker's wire; `broker` is the exchange, seen without it."""

    def _broker(self) -> PaperBroker:
        made = super()._broker()
        made.close()
        self.prices = Trades(self.clock.now)
        return self._exchange()

    def start(self, name: str) -> None:
        calendar = self.folder / "broker.csv"
        fill(calendar, SessionTable.load(calendar), read_holiday_list(answer(), "list"), "a test", LAST)
        self.theirs = SessionTable.load(calendar)
        self.broker.close()
        self.broker = self.near()
        self.name, self.sandbox = name, self._sandbox(name)
        self.sandbox.start()
        self.vault = MemoryVault(credentials() if name == "kotak_neo" else {"api_key": KEY, "api_secret": SECRET})
        self.log_in()

    def near(self) -> PaperBroker:
        file = self.folder / "paper.db"
        return PaperBroker(file, "asha", self.clock, self.market, self.theirs, durable=False, prices=self.prices)

    def _sandbox(self, name: str) -> Sandbox:
        if name == "kite":
            return KiteSandbox(self.near, lambda: self.market, self.clock, self.theirs, api_key=KEY, api_secret=SECRET)
        if name == "kotak_neo":
            return KotakNeoSandbox(self.near, clock=self.clock, market=lambda: self.market, client=CLIENT)
        return OpenAlgoSandbox(self.near, self.clock, api_key=KEY)

    def log_in(self) -> None:
        """A new process in the morning, after a login: everything is read from the files again."""
        self.sessions = SessionTable.load(self.calendar)
        url = self.sandbox.url
        addresses = {"kite": {"api": url, "login": f"{url}/connect/login"}, "kotak_neo": {"login": url}, "openalgo": {"api": url}}
        account = BrokerAccount(
            "asha", self.clock, self.sessions, self.market, self.vault, self.folder / "lists", addresses=addresses[self.name]
        )
        adapter = ADAPTERS[self.name]
        adapter.login(account, browse if self.name == "kite" else nobody)
        arming = Arming(self.ledger, self.name)
        arming.arm(self.clock.now())
        told = self.ledger.settings.credentials(self.folder / "secret.key")
        told.set(BROKER, self.name, secret=False)
        told.set(f"{self.name}.{LOGGED_IN_UNTIL}", self.vault.session().expires_at.isoformat(), secret=False)
        live = GuardedBroker(adapter.open(account), arming, self.clock, self.sessions, self.market, marker=MemoryMarker())
        self.world = replace(self._world(), broker=live, mode="live")


Make = Callable[[str], FarTurn]


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[Make]:
    made: list[FarTurn] = []

    def make(name: str) -> FarTurn:
        bars = [Bar(day, price, price, price, price, 375_000) for day, price in zip(OLD_YEAR, range(10500, 0, -10), strict=False)]
        listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INEACME", 5), bars)
        market = FarTurn(tmp_path, listing, at=ist(LAST.replace(day=30), "16:30"), min_bars="2")
        made.append(market)
        market.buy(10, 10100, session=LAST)
        market.to(LAST, "09:20")
        assert market.run("sell-monitor", once=True).exit_code == 0
        market.to(LAST, "18:00")
        assert market.run("eod").exit_code == 0
        market.start(name)
        return market

    yield make
    for market in made:
        market.sandbox.stop()
        market.broker.close()
        market.ledger.database.close()


@pytest.mark.parametrize("name", ["kite", "kotak_neo"])
def test_exits_run_and_nothing_is_bought(turn: Make, name: str) -> None:
    market = turn(name)
    market.prices.open_on = {LAST, NEW, SECOND}
    for day in (NEW, SECOND):
        market.to(day, "07:55")
        market.log_in()
        for at in ("08:00", "09:05", "09:16"):
            market.to(day, at)
            report = market.due()
        assert report.exit_code == 0, report
        assert market.sessions.session(day).provisional
        (sell,) = market.orders(Side.SELL, day)
        assert (sell.status, sell.quantity) == (OrderStatus.ONGOING, 10)
        assert market.run("sell-monitor", until=ist(day, "09:40")).exit_code == 0
        for at, task, code in (("16:00", "analyze", 9), ("16:05", "buy", 9), ("18:00", "eod", 0)):
            market.to(day, at)
            assert market.run(task).exit_code == code, task
        assert market.world.ledger.book.order(sell.id).status is OrderStatus.CANCELLED
    assert market.told("provisional") == [f"{day} is a provisional session" for day in (NEW, SECOND)]
    assert {report.side for report in market.broker.orders()[1:]} == {Side.SELL}


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("day", [NEW, SATURDAY])
def test_a_closed_day_is_no_session_whatever_the_quotes_say(turn: Make, name: str, day: date) -> None:
    """The broker goes on to show the last session's figures, with a new time."""
    market = turn(name)
    market.to(day, "09:16")
    market.log_in()
    assert market.due().exit_code == 8
    assert market.sessions.provisional == {}
    assert market.orders(Side.SELL, day) == []
    if day != SATURDAY:
        market.to(day, "09:30")
        said = operate(market, "status")
        assert (said.code, said.out.startswith("UNPROTECTED  ACME: 10 of 10 shares")) == (11, True)


def test_openalgo_dates_nothing_and_proves_no_session(turn: Make) -> None:
    market = turn("openalgo")
    market.prices.open_on = {LAST, NEW}
    market.to(NEW, "09:30")
    market.log_in()
    assert market.due().exit_code == 8
    assert "(calendar)" in operate(market, "status").out
