"""What `data check` finds, and what `data list` counts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.integration.marketdata.conftest import ACTIONS, DAILY, Market, bars
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.check import LACKING, check
from tradectl.marketdata.inventory import DumpCount, describe
from tradectl.marketdata.store import Store
from tradectl.strategy.indicators import ema
from tradectl.strategy.trusted_prices import why_missing


def test_gaps_holes_and_jumps_are_counted(market: Market) -> None:
    days = ("2024-01-15", "2024-01-16", "2024-01-17", "2024-01-19")
    market.take("ca.csv", ACTIONS + "GOOD,EQ,2024-01-16,Bonus 1:1\nRIGHT,EQ,2024-01-16,Rights 1:1\n")
    market.take(
        "x.csv",
        DAILY
        + bars("GOOD", dict(zip(days, (100, 50, 50, 50), strict=True)))
        + bars("RIGHT", dict(zip(days, (100, 70, 70, 70), strict=True)))
        + bars("JUMP", {days[0]: 100, days[1]: 130, days[3]: 130}),
    )
    found = {
        finding.kind: (finding.severity, finding.count, finding.examples)
        for finding in check(market.store(), indicators=True)
        if finding.count
    }
    assert found == {
        "sessions without any bar": ("warning", 1, ("2024-01-18",)),
        "opening gaps that no corporate action explains": (
            "warning",
            1,
            (
                "JUMP 2024-01-16: opened at 1.3 of the close of 2024-01-15, and no corporate action explains it "
                "[close 100.00 on 2024-01-15, open 130.00]",
            ),
        ),
        "adjusted closes that moved by more than 20 %": ("note", 2, ("JUMP 2024-01-16 +30.0%", "RIGHT 2024-01-16 -30.0%")),
        LACKING: ("warning", 1, (f"JUMP 2024-01-17: {why_missing(np.array([date(2024, 1, 17).toordinal()]))}",)),
        "missing bars between a symbol's first and last bar": ("note", 1, ("JUMP 1",)),
    }


def test_a_bar_under_two_names_is_reported(market: Market) -> None:
    market.take("r.csv", "company,old,new,date\nAcme,OLD,NEW,2024-01-17\n")
    market.take("x.csv", DAILY + bars("OLD", {"2024-01-15": 100}) + bars("NEW", {"2024-01-15": 101}))
    assert [(finding.kind, finding.count) for finding in check(market.store()) if finding.count] == [("bars under two names", 1)]


def test_no_bars_is_one_line(market: Market) -> None:
    with pytest.raises(DataError, match=r"^no bar of all is stored: `tradectl prices --force` fetches"):
        check(market.store())


def test_the_real_data_is_sound_and_its_indicators_are_exact(real_market: Path, sessions: SessionTable) -> None:
    findings = check(Store(real_market, sessions), indicators=True)
    assert not [finding for finding in findings if finding.severity == "error" and finding.count]
    found = {finding.kind: finding for finding in findings}
    assert found["sessions without any bar"].examples == ("2021-11-04", "2022-08-08")
    assert found["opening gaps that no corporate action explains"].count == 0
    assert found["factors of corporate actions that the prices do not show (already adjusted?)"].count == 0
    assert found["unknown corporate actions (`data actions` decides them)"].count == 0
    assert found["missing bars between a symbol's first and last bar"].examples == ("JSWENERGY 1",)


def test_an_indicator_that_differs_in_its_last_bit_is_an_error(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [session.date.isoformat() for session in market.sessions.between(date(2024, 1, 15), date(2024, 2, 29))]
    market.take("x.csv", DAILY + bars("ACME", {day: 100 + (i * 7) % 5 for i, day in enumerate(days)}))
    monkeypatch.setattr("tradectl.marketdata.check.ema", lambda close, span: np.nextafter(ema(close, span), np.inf))
    found = [finding for finding in check(market.store(), indicators=True) if finding.severity == "error" and finding.count]
    assert [(finding.kind, finding.examples) for finding in found] == [("indicators that differ from ta", ("ACME EMA9",))]


def test_the_inventory_counts_everything(real_market: Path) -> None:
    there = describe(real_market)
    assert (there.bars, there.sessions, there.first_session, there.last_session) == (333_321, 1855, "2018-01-01", "2025-06-30")
    assert (there.symbols, there.minute_symbols, there.actions, there.renames) == (210, 10, 2175, 1041)
    assert there.lists == {"nifty100": 100, "nifty200": 200, "nifty50": 50, "nifty500": 500}
    assert there.dumps == (DumpCount("kite", "2024-01-16", 2281), DumpCount("upstox", "2026-04-17", 2405))
    assert there.provisional_bars == 0
    assert there.panel is not None
    assert (there.panel.sessions, there.panel.instruments, there.panel.bars) == (1855, 194, 333_321)
    assert there.panel.current


def test_an_inventory_without_an_archive_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no market data"):
        describe(tmp_path)
