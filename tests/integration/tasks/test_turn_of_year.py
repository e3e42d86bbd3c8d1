"""The first sessions of a year whose holidays are not known: what is held is sold, nothing is bought, each day is reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from tests.integration.marketdata.sources import bhavcopies
from tests.support.brokers.market import MarketListing
from tests.support.hands import operate
from tests.support.trading import Trading, ist
from tradectl.bootstrap import PaperWorld
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.errors import DataError, LoginNeeded
from tradectl.exchange.holiday_list import HolidayList, fill
from tradectl.exchange.overrides import Override, OverrideKind, write_override
from tradectl.exchange.provisional import provisional_file
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import import_files
from tradectl.model.market import Bar, Instrument, Quote
from tradectl.model.moment import ist_date
from tradectl.model.order import OrderStatus, Side
from tradectl.report.status import status
from tradectl.runtime.daemon import Daemon
from tradectl.runtime.due import run_due
from tradectl.runtime.exposure import unprotected_now
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.screener.readings import Readings

LAST, NEW, SECOND, SATURDAY = date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 2)
OLD_YEAR = [session.date for session in SessionTable.load().run_between(date(2026, 11, 2), LAST)]


class Prices:
    """A broker's live prices: a share at 96 that trades while `open_on` says so. `down`: an error instead."""

    delay = timedelta(0)

    def __init__(self, now) -> None:
        self.now, self.open_on, self.down, self.asked = now, {LAST}, None, 0

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self.asked += 1
        if self.down is not None:
            raise self.down
        now: datetime = self.now()
        traded = max(ist(day, "09:15") for day in self.open_on if ist(day, "09:15") <= now)
        traded = (
            now if ist_date(traded) == ist_date(now) and now <= ist(ist_date(now), "15:30") else ist(ist_date(traded), "15:30")
        )
        prices = {"open": 9600, "high": 9600, "low": 9600, "volume": 1000}
        return {symbol: Quote(symbol, 9600, now, "loopback", last_trade_at=traded, **prices) for symbol in symbols}


class Titles:
    """A notification service that keeps the titles of what it was sent."""

    trouble = ""
    interrupts = True

    def __init__(self) -> None:
        self.titles: list[str] = []

    def send(self, title: str, body: str) -> bool:
        self.titles.append(title)
        return True


class Turn(Trading):
    """A trading world over the end of 2026 with a calendar file of its own."""

    def _broker(self) -> PaperBroker:
        self.calendar = self.folder / "sessions.csv"
        self.sessions = SessionTable.load(self.calendar)
        self.prices, self.notifier = Prices(self.clock.now), Titles()
        return self._exchange()

    def _exchange(self) -> PaperBroker:
        file = self.folder / "paper.db"
        return PaperBroker(file, "asha", self.clock, self.market, self.sessions, durable=False, prices=self.prices)

    def _world(self) -> PaperWorld:
        readings = Readings(self.market, self.parameters)
        parts = (self.sessions, self.market, self.broker, self.ledger, self.notifier, self.parameters, readings, self.marker)
        return PaperWorld("asha", "paper", self.clock, *parts)

    def restart(self) -> None:
        """Another process: everything is read from the files again."""
        self.broker.close()
        self.sessions = SessionTable.load(self.calendar)
        self.broker = self._exchange()
        self.world = self._world()

    def due(self):
        return run_due(Runner(self.world, all_tasks(), trigger="cron"))

    def told(self, word: str) -> list[str]:
        return [title for title in self.notifier.titles if word in title]


@pytest.fixture
def market(tmp_path: Path):
    bars = [Bar(day, price, price, price, price, 375_000) for day, price in zip(OLD_YEAR, range(10500, 0, -10), strict=False)]
    listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INEACME", 5), bars)
    made = Turn(tmp_path, listing, at=ist(date(2026, 12, 30), "16:30"), min_bars="2")
    made.buy(10, 10100, session=LAST)
    made.to(LAST, "09:20")
    assert made.run("sell-monitor", once=True).exit_code == 0
    assert made.positions[0].quantity == 10
    yield made
    made.broker.close()
    made.ledger.database.close()


def test_exits_run_on_a_weekday_on_which_the_market_is_seen_open(market: Turn) -> None:
    market.prices.open_on = {LAST, NEW}
    market.to(NEW, "09:16")
    report = market.due()
    assert "sell-monitor" in report.message
    (sell,) = market.orders(Side.SELL, NEW)
    assert sell.status is OrderStatus.ONGOING
    assert market.sessions.session(NEW).provisional
    assert market.told("provisional") == [f"{NEW} is a provisional session"]
    shown = status(market.world)
    assert shown["session"]["runs"]
    assert shown["session"]["provisional"].startswith("ACME traded at 09:16:00")
    states = {item["task"]: item["state"] for item in shown["agenda"]}
    assert (states["premarket-retry"], states["buy"], states["eod"]) == ("blocked", "blocked", "later")
    assert "data sessions fetch" in shown["session"]["year_missing"]


def test_the_second_session_knows_the_first_and_tells_again(market: Turn) -> None:
    market.prices.open_on = {LAST, NEW, SECOND}
    market.to(NEW, "09:16")
    market.due()
    market.restart()
    market.to(SECOND, "09:20")
    market.due()
    assert market.orders(Side.SELL, SECOND)
    assert market.sessions.previous_session(SECOND).date == NEW
    assert market.sessions.session(SATURDAY) is None
    assert market.told("provisional") == [f"{day} is a provisional session" for day in (NEW, SECOND)]
    assert provisional_file(market.calendar).read_text().count("\n") == 3


def test_the_paper_exchange_on_stored_bars_is_declared_open(market: Turn) -> None:
    market.broker.close()
    file, data = market.folder / "paper.db", (market.clock, market.market, market.sessions)
    market.broker = PaperBroker(file, "asha", *data, durable=False)
    market.world = market._world()
    market.to(SATURDAY, "10:00")
    assert market.run("sell-monitor", once=True).exit_code == 8
    market.to(SECOND, "09:15")
    report = market.run("sell-monitor")
    assert (report.outcome, report.exit_code) == ("completed", 0)
    assert market.clock.now() == ist(SECOND, "15:46")
    assert market.told("provisional") == [f"{SECOND} is a provisional session"]
    market.to(SECOND, "16:05")
    assert market.run("buy").exit_code == 9


def test_a_closed_day_is_never_taken_for_a_session(market: Turn) -> None:
    market.to(NEW, "10:00")
    report = market.due()
    assert (report.exit_code, "tradectl data sessions fetch" in str(report.error)) == (8, True)
    assert market.orders(Side.SELL, NEW) == []
    monitor = market.run("sell-monitor", once=True)
    assert (monitor.exit_code, "2027-01-01 is not known" in monitor.error) == (8, True)


def test_a_weekday_that_nothing_proves_leaves_no_position_unsaid(market: Turn) -> None:
    market.to(NEW, "09:16:59")
    assert unprotected_now(market.world) == ()
    market.to(NEW, "10:00")
    said = operate(market, "status")
    assert (
        said.code,
        said.words.startswith("UNPROTECTED ACME: 10 of 10 shares have no live sell order (calendar): no list of 2027's"),
    ) == (
        11,
        True,
    )
    assert "data sessions fetch" in said.out.split("\n\n")[0]
    assert "(calendar)" in market.due().error
    assert market.told("unprotected") == ["ACME is unprotected"]
    market.prices.open_on = {LAST, NEW}
    assert market.due().exit_code == 0
    assert unprotected_now(market.world) == ()


@pytest.mark.parametrize(("day", "at"), [(SATURDAY, "10:00"), (NEW, "09:14"), (NEW, "15:30"), (date(2026, 12, 25), "10:00")])
def test_a_weekend_a_listed_holiday_and_other_hours_are_quiet(market: Turn, day: date, at: str) -> None:
    moved = replace(market.world, clock=VirtualClock(ist(day, at)))
    assert unprotected_now(moved) == ()


def test_a_day_before_one_that_was_proved_is_still_unknown(market: Turn) -> None:
    """A later provisional session does not make a holiday of an earlier weekday."""
    market.sessions.admit(SECOND, "a test")
    market.to(NEW, "10:00")
    assert [str(item.cause) for item in unprotected_now(market.world)] == ["calendar"]


@pytest.mark.parametrize(("day", "at"), [(SATURDAY, "10:00"), (NEW, "08:50"), (NEW, "18:30"), (NEW, "23:59")])
def test_weekends_and_other_hours_prove_nothing(market: Turn, day: date, at: str) -> None:
    market.prices.open_on = {LAST, day}
    market.to(day, at)
    before = market.prices.asked
    assert market.due().exit_code == 8
    assert market.prices.asked == before


def test_without_a_position_nobody_asks(market: Turn) -> None:
    market.prices.open_on = {LAST, NEW}
    position = market.positions[0]
    market.broker.manual_trade("ACME", Side.SELL, position.quantity, 9600)
    market.to(LAST, "15:00")
    market.run("sell-monitor", once=True)
    assert market.positions == ()
    market.to(NEW, "10:00")
    before = market.prices.asked
    assert market.due().exit_code == 8
    assert market.prices.asked == before


def test_a_missing_login_is_named_instead(market: Turn) -> None:
    market.prices.down = LoginNeeded("there is no session at loopback: `tradectl login`")
    market.to(NEW, "10:00")
    report = market.due()
    assert (report.exit_code, "tradectl login" in str(report.error)) == (5, True)


def test_a_daemon_without_a_login_warns_and_names_the_position(market: Turn) -> None:
    market.prices.down = LoginNeeded("there is no session at loopback: `tradectl login`")
    market.to(NEW, "10:00")
    before = len(market.notifier.titles)
    daemon = Daemon(Runner(market.world, all_tasks(), trigger="daemon"), lambda _window: ["true"])
    for _ in range(5):
        daemon.check_once()
        market.clock.sleep(30)
    assert sorted(market.notifier.titles[before:]) == [
        "ACME is unprotected",
        "ERROR: the holidays of a new year are missing",
    ]


@pytest.mark.parametrize("restored", [False, True])
def test_shares_unknown_to_the_ledger_prove_a_session(tmp_path: Path, restored: bool) -> None:
    """A buy filled on the last evening and no task has read it; or the ledger is an older one, and knows nothing of the order."""
    bars = [Bar(day, price, price, price, price, 375_000) for day, price in zip(OLD_YEAR, range(10500, 0, -10), strict=False)]
    listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INEACME", 5), bars)
    market = Turn(tmp_path, listing, at=ist(date(2026, 12, 30), "16:30"), min_bars="2")
    market.buy(10, 10100, session=LAST)
    market.to(LAST, "15:45")
    assert [item.quantity + item.t1_quantity for item in market.broker.holdings()] == [10]
    assert market.positions == ()
    if restored:
        with market.ledger.database.write() as connection:
            connection.execute(text("DELETE FROM orders"))
    market.prices.open_on = {LAST, NEW}
    market.to(NEW, "10:00")
    market.due()
    assert market.sessions.session(NEW) is not None
    assert market.told("provisional") == [f"{NEW} is a provisional session"]
    assert market.orders(Side.SELL, NEW)
    market.broker.close()
    market.ledger.database.close()


def test_an_undecided_weekday_is_reported_until_proved(market: Turn) -> None:
    """The machine was off on the first session of the year."""
    market.prices.open_on = {LAST, NEW, SECOND}
    market.to(SECOND, "09:20")
    market.due()
    assert market.orders(Side.SELL, SECOND)
    assert market.sessions.session(NEW) is None
    assert market.sessions.undecided(SECOND) == [NEW]
    assert f"whether the exchange was open on {NEW}" in status(market.world)["session"]["year_missing"]
    file, archive = market.folder / f"BhavCopy_NSE_CM_0_0_0_{NEW:%Y%m%d}_F_0000.csv", Archive(market.folder / "archive")
    file.write_bytes(bhavcopies.udiff(NEW))
    import_files([file], archive, market.sessions, at=market.clock.now())
    archive.close()
    assert market.sessions.previous_session(SECOND).date == NEW
    assert market.sessions.undecided(SECOND) == []
    assert "not known: whether" not in status(market.world)["session"]["year_missing"].lower()
    market.restart()
    assert market.sessions.previous_session(SECOND).date == NEW
    assert market.sessions.session(NEW).provisional


@pytest.mark.parametrize("holiday", [date(2027, 1, 26), SATURDAY])
def test_what_the_operator_has_closed_is_no_gap_and_no_session(market: Turn, holiday: date) -> None:
    if holiday != SATURDAY:
        write_override(market.calendar, Override(holiday, OverrideKind.CLOSED, name="Republic Day"))
    market.restart()
    assert market.sessions.candidate(holiday) is None
    assert holiday not in market.sessions.undecided(date(2027, 2, 1))
    file, archive = market.folder / "bhav.csv", Archive(market.folder / "archive")
    file.write_bytes(bhavcopies.udiff(holiday))
    with pytest.raises(DataError):
        import_files([file], archive, market.sessions, at=ist(date(2027, 2, 1), "18:00"))
    archive.close()
    assert market.sessions.provisional == {}


def test_only_a_bhavcopy_of_a_day_that_is_over_proves_a_session(market: Turn) -> None:
    archive, files = Archive(market.folder / "archive"), market.folder
    (files / "bhav.csv").write_bytes(bhavcopies.udiff(NEW))
    (files / f"BhavCopy_NSE_CM_0_0_0_{SECOND:%Y%m%d}_F_0000.csv").write_bytes(bhavcopies.udiff(NEW))
    (files / "daily.csv").write_text(f"date,symbol,series,open,high,low,close,volume\n{NEW},ACME,EQ,1,1,1,1,1\n")
    for name, at in (("bhav.csv", LAST), (f"BhavCopy_NSE_CM_0_0_0_{SECOND:%Y%m%d}_F_0000.csv", SECOND), ("daily.csv", SECOND)):
        with pytest.raises(DataError):
            import_files([files / name], archive, market.sessions, at=ist(at, "18:00"))
    assert market.sessions.provisional == {}
    import_files([files / "bhav.csv"], archive, market.sessions, at=ist(NEW, "18:00"))
    assert list(market.sessions.provisional) == [NEW]
    archive.close()


@pytest.mark.parametrize(
    ("task", "at"), [("premarket-retry", "08:40"), ("amo-adjust", "09:05"), ("analyze", "16:00"), ("buy", "16:05")]
)
def test_buys_stay_refused_on_a_provisional_session(market: Turn, task: str, at: str) -> None:
    market.to(NEW, at)
    market.sessions.admit(NEW, "a test")
    report = market.run(task)
    assert (report.outcome, report.exit_code) == ("blocked", 9)
    assert "nothing is bought" in report.error
    assert "tradectl data sessions fetch" in report.error


def test_buys_are_not_missed_where_they_were_not_wanted(market: Turn) -> None:
    market.prices.open_on = {LAST, NEW}
    market.to(NEW, "12:00")
    market.due()
    market.to(NEW, "23:30")
    market.run("eod")
    statuses = market.ledger.executions.statuses(NEW)
    assert {task for (task, _), state in statuses.items() if state == "missed"} <= {"position-monitor", "sell-monitor"}
    assert statuses["eod", ""] == "completed"


def test_the_last_evening_refuses_buys_and_completes_its_eod(market: Turn) -> None:
    market.to(LAST, "16:00")
    report = market.run("analyze")
    assert (report.exit_code, "tradectl data sessions fetch" in report.error) == (8, True)
    market.to(LAST, "16:05")
    assert market.run("buy").exit_code == 9
    market.to(LAST, "18:00")
    report = market.run("eod")
    assert report.outcome == "completed", report.error
    market.to(NEW, "00:30")
    again = market.run("eod", session=LAST, force=True)
    assert again.outcome == "completed", again.error


def test_once_the_list_is_filled_the_year_is_ordinary(market: Turn) -> None:
    market.prices.open_on = {LAST, NEW}
    market.to(NEW, "09:16")
    market.due()
    days = {date(2027, 1, 26): "Republic Day", date(2027, 3, 22): "Holi", date(2027, 3, 26): "Good Friday"}
    days |= {date(2027, 4, 14): "Ambedkar Jayanti", date(2027, 12, 24): "Invented"}
    fill(market.calendar, market.sessions, HolidayList(2027, days), "a test", NEW)
    market.restart()
    assert market.sessions.session(NEW) is not None
    assert not market.sessions.session(NEW).provisional
    assert market.sessions.provisional == {}
    market.to(NEW, "16:00")
    assert market.run("analyze").outcome != "blocked"


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (date(2026, 11, 30), []),
        (date(2026, 12, 1), ["The holidays of a new year are missing"]),
        (date(2026, 12, 18), ["The holidays of a new year are missing"]),
        (date(2026, 12, 21), ["ERROR: the holidays of a new year are missing"]),
        (date(2026, 12, 31), ["ERROR: the holidays of a new year are missing"]),
    ],
)
def test_a_missing_year_is_an_error_from_20_december(tmp_path: Path, day: date, told: list[str]) -> None:
    listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INEACME", 5), [Bar(OLD_YEAR[0], 10000, 10000, 10000, 10000, 1000)])
    market = Turn(tmp_path, listing, at=ist(day, "10:00"))
    market.due()
    market.due()
    assert market.told("holidays") == told
    session = status(market.world)["session"]
    assert (bool(session["year_missing"]), session["year_urgent"]) == (bool(told), bool(told) and told[0].startswith("ERROR"))
    if session["year_urgent"]:
        market.to(day + timedelta(days=1), "10:00")
        market.due()
        assert market.told("holidays") == told * 2
    market.broker.close()
    market.ledger.database.close()
