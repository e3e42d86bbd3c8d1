"""Analyze: all or nothing, whatever becomes of the process that scans."""

from __future__ import annotations

import os
import signal

import pytest

from tests.support.brokers.market import MarketListing, MemoryMarket
from tests.support.trading import EVENING, T, Trading, stock
from tradectl.errors import BrokerUnavailable, DataError, TradectlError
from tradectl.model.panel import Panel


class KilledMarket(MemoryMarket):
    """Whoever asks it for its bars is killed, as by a machine without memory left."""

    def panel(self) -> Panel:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


class HangingMarket(MemoryMarket):
    """Whoever asks it for its bars waits for ever."""

    def panel(self) -> Panel:
        signal.pause()
        raise AssertionError("woken")


class DamagedMarket(MemoryMarket):
    def panel(self) -> Panel:
        raise DataError("the bars are damaged")


def on(market: MemoryMarket, trading: Trading) -> Trading:
    """The same account with another market to scan."""
    trading.market = market
    trading.world = trading._world()
    return trading


def verdicts(trading: Trading) -> dict[str, str]:
    return trading.ledger.decisions.verdicts("analyze", T, "")


def test_a_scan_apart_says_what_one_here_says(trading) -> None:
    here, apart = trading(stock(), stock("BETA")), trading(stock(), stock("BETA"), isolated="on")
    reports = [account.run("analyze", session=T) for account in (here, apart)]
    assert reports[0].outcome == "completed"
    assert reports[0].result == reports[1].result
    assert verdicts(here) == verdicts(apart) == {"ACME": "EXCLUDED", "BETA": "EXCLUDED"}


@pytest.mark.parametrize(
    ("market", "code", "told"),
    [
        (KilledMarket, 1, "the process of the scan died: SIGKILL"),
        (HangingMarket, 1, "the scan took longer than 2 s, so its process was stopped"),
        (DamagedMarket, 8, "the bars are damaged"),
    ],
)
def test_a_scan_process_that_fails_leaves_nothing(trading, market, code: int, told: str) -> None:
    account = on(market(stock()), trading(stock(), isolated="on", scan_limit="2" if market is HangingMarket else "600"))
    report = account.run("analyze", session=T)
    assert (report.outcome, report.exit_code, report.error) == ("failed", code, told)
    assert verdicts(account) == {}
    assert account.ledger.signals.for_session(report.session) == []
    assert account.run("buy", session=T).outcome == "blocked"
    account.to(T, "18:30")
    assert account.run("eod", session=T).outcome == "completed"


class Unreachable:
    """A broker whose network fails a few times, then works."""

    def __init__(self, broker, failures: int, error: type[TradectlError] = BrokerUnavailable) -> None:
        self._broker, self._failures, self._error, self.asked = broker, failures, error, 0

    def __getattr__(self, name: str):
        return getattr(self._broker, name)

    def quotes(self, symbols):
        self.asked += 1
        if self.asked <= self._failures:
            raise self._error("the network is down")
        return self._broker.quotes(symbols)


@pytest.mark.parametrize(("failures", "asked", "outcome"), [(0, 1, "completed"), (2, 3, "completed"), (3, 3, "failed")])
def test_quotes_are_tried_three_times_while_the_network_fails(trading, failures: int, asked: int, outcome: str) -> None:
    account = trading(stock())
    account.broker = broker = Unreachable(account.broker, failures)
    account.world = account._world()
    assert account.clock.now() == EVENING
    assert (account.run("analyze", session=T).outcome, broker.asked) == (outcome, asked)


def test_without_a_bar_of_today_nothing_is_analysed(trading) -> None:
    listing = stock()
    account = trading(MarketListing(listing.instrument, [bar for bar in listing.bars if bar.session < T]))
    account.to(T, "19:30")
    report = account.run("analyze", session=T)
    assert (report.exit_code, report.error) == (
        8,
        f"no bar of {T} for any of the 1 instruments of all; --allow-stale takes the last stored bars instead",
    )
    stale = on(account.market, trading(stock(), allow_stale="on"))
    stale.to(T, "19:30")
    assert stale.run("analyze", session=T).result["data"] == "stale"


class Silent(Unreachable):
    """A broker that has no quote of some symbols."""

    def __init__(self, broker, silent: int) -> None:
        super().__init__(broker, 0)
        self._silent = silent

    def quotes(self, symbols):
        return {symbol: quote for symbol, quote in self._broker.quotes(symbols).items() if symbol not in symbols[: self._silent]}


@pytest.mark.parametrize(
    ("silent", "outcome"), [(0, "completed"), (2, "completed"), (3, "failed"), (19, "failed"), (20, "failed")]
)
def test_a_scan_with_few_quotes_waits_for_the_file(trading, silent: int, outcome: str) -> None:
    """One share in fifty had a close at 16:00, the others were left out, and the day was called analysed."""
    account = trading(*(stock(f"SH{number:02}") for number in range(20)))
    account.broker = Silent(account.broker, silent)
    account.world = account._world()
    report = account.run("analyze", session=T)
    assert (report.outcome, report.exit_code) == (outcome, 8 if outcome == "failed" else 0)
    if 0 < silent < 20 and outcome == "failed":
        assert report.error.startswith(f"{silent} of 20 instruments have no close of {T} in the day's quotes")
    account.broker = account.broker._broker
    account.world = account._world()
    account.to(T, "19:30")
    assert account.run("analyze", session=T).exit_code == 0
