"""What the rows say: whose a bar is, what a hole is, and what multiplies its price."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.integration.marketdata.conftest import ACTIONS, DAILY, RENAMES, Market, bars
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.panel.refresh import derived_with
from tradectl.marketdata.store import Store
from tradectl.model.history import History
from tradectl.model.panel import GAP, NOT_LISTED, SERIES

DAYS = ("2024-01-15", "2024-01-16", "2024-01-17", "2024-01-18")


def history_of(market: Market, symbol: str) -> History:
    history = market.store().history(symbol)
    assert history is not None
    return history


@pytest.mark.parametrize(
    ("symbol", "day", "kind", "factor"),
    [
        ("RELIANCE", date(2023, 7, 20), "demerger", 284185 / 258000),
        ("RELIANCE", date(2024, 10, 28), "bonus", 2.0),
        ("NESTLEIND", date(2024, 1, 5), "split", 10.0),
        ("TATASTEEL", date(2022, 7, 28), "split", 10.0),
        ("BAJFINANCE", date(2025, 6, 16), "split", 10.0),
    ],
)
def test_real_factors_take_the_jump_away(
    real_market: Path, sessions: SessionTable, symbol: str, day: date, kind: str, factor: float
) -> None:
    store = Store(real_market, sessions)
    history = store.history(symbol)
    assert history is not None
    at = history.index(day)
    assert at is not None
    assert history.multiplier[at] / history.multiplier[at - 1] == pytest.approx(factor, rel=1e-12)
    adjusted = history.close * history.multiplier
    assert abs(adjusted[at] / adjusted[at - 1] - 1) < 0.05
    assert store.actions(symbol, day - timedelta(days=1), day)[0].kind == kind


def test_every_real_multiplier_is_the_stores_to_the_bit(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    for name in store.universe("nifty50"):
        history = store.history(name)
        assert history is not None
        for at in {0, len(history) - 1, *np.flatnonzero(np.diff(history.multiplier, prepend=1.0)).tolist()}:
            asked = store.multiplier(name, history.session(at), int(history.open[at]))
            assert asked == history.multiplier[at]


def test_an_ex_date_on_a_hole_counts_from_the_next_bar(market: Market) -> None:
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-17,Bonus 1:1\n")
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100, DAYS[1]: 100, DAYS[3]: 50}))
    assert history_of(market, "ACME").multiplier.tolist() == [1, 1, 2]
    assert market.store().multiplier("ACME", date(2024, 1, 17), None) == 2


def test_a_demerger_without_a_bar_on_its_day_moves_nothing(market: Market) -> None:
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-17,Demerger\nACME,EQ,2024-01-15,Demerger\n")
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100, DAYS[1]: 100, DAYS[3]: 50}))
    assert history_of(market, "ACME").multiplier.tolist() == [1, 1, 1]


def test_a_demerger_is_known_only_from_its_open(market: Market) -> None:
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-17,Demerger\n")
    market.take("x.csv", DAILY + bars("ACME", dict(zip(DAYS[:2], (100, 90), strict=True))))
    store = market.store()
    assert store.multiplier("ACME", date(2024, 1, 16), None) == 1
    assert store.multiplier("ACME", date(2024, 1, 17), None) is None
    assert store.multiplier("ACME", date(2024, 1, 17), 7200) == 9000 / 7200


def test_a_demerger_and_a_split_on_one_day_are_counted_once(market: Market) -> None:
    """The open of the day shows both: the shares are five, and a fifth of the value is gone."""
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-16,Demerger\nACME,EQ,2024-01-16,FV Split Rs 10/- To Rs 2/-\n")
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100, DAYS[1]: 16}))
    assert history_of(market, "ACME").multiplier.tolist() == [1, 6.25]


def test_an_action_under_todays_name_reaches_the_old_bars(market: Market) -> None:
    market.take("r.csv", "company,old,new,date\nAcme,OLD,NEW,2024-01-17\n")
    market.take("ca.csv", ACTIONS + "NEW,EQ,2024-01-16,Bonus 1:1\n")
    market.take("x.csv", DAILY + bars("OLD", {DAYS[0]: 100, DAYS[1]: 50}) + bars("NEW", {DAYS[2]: 50}))
    assert history_of(market, "NEW").multiplier.tolist() == [1, 2, 2]


def test_an_action_under_the_name_of_its_day_reaches_them_too(market: Market) -> None:
    market.take("r.csv", "company,old,new,date\nAcme,OLD,NEW,2024-01-17\n")
    market.take("ca.csv", ACTIONS + "OLD,EQ,2024-01-16,Bonus 1:1\n")
    market.take("x.csv", DAILY + bars("OLD", {DAYS[0]: 100, DAYS[1]: 50}))
    assert history_of(market, "NEW").multiplier.tolist() == [1, 2]


def test_a_bar_under_two_names_is_the_one_of_its_day(market: Market) -> None:
    market.take("r.csv", "company,old,new,date\nAcme,OLD,NEW,2024-01-17\n")
    market.take("x.csv", DAILY + bars("OLD", {DAYS[0]: 100}) + bars("NEW", {DAYS[0]: 101, DAYS[2]: 50}))
    assert history_of(market, "NEW").close.tolist() == [10000, 5000]


def states(market: Market, symbol: str) -> list[int]:
    panel = market.store().panel()
    return panel.state[:, panel.columns[symbol]].tolist()


def test_a_newcomer_is_not_listed_before_and_a_hole_is_a_gap(market: Market) -> None:
    market.take("a.csv", DAILY + bars("ACME", dict.fromkeys(DAYS, 100)))
    market.take("b.csv", DAILY + bars("NEW", {DAYS[1]: 100, DAYS[3]: 100}).replace("EQ", "BE", 1))
    assert states(market, "ACME") == [SERIES["EQ"]] * 4
    assert states(market, "NEW") == [NOT_LISTED, SERIES["BE"], GAP, SERIES["EQ"]]


def test_who_is_suspended_or_gone_is_a_gap_to_the_end(market: Market) -> None:
    market.take("a.csv", DAILY + bars("ACME", dict.fromkeys(DAYS, 100)) + bars("GONE", {DAYS[0]: 100}))
    assert states(market, "GONE") == [SERIES["EQ"], GAP, GAP, GAP]
    panel = market.store().panel()
    assert (panel.state[3] > 0).tolist() == [True, False]
    assert panel.close[1:, panel.columns["GONE"]].tolist() == [0, 0, 0]


def test_a_multiplier_holds_over_a_hole_and_begins_at_one(market: Market) -> None:
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-15,Bonus 1:1\nACME,EQ,2024-01-17,Face Value Split From Rs 10 To Rs 5\n")
    market.take("x.csv", DAILY + bars("OTHER", dict.fromkeys(DAYS, 1)) + bars("ACME", {DAYS[1]: 100, DAYS[3]: 50}))
    panel = market.store().panel()
    assert panel.multiplier[:, panel.columns["ACME"]].tolist() == [1, 2, 2, 4]
    assert history_of(market, "ACME").multiplier.tolist() == [2, 4]


def test_a_demerger_after_a_hole_takes_the_close_before_the_hole(market: Market) -> None:
    """Carried on session by session: the close it needs is rows back."""
    market.take("ca.csv", ACTIONS + "ACME,EQ,2024-01-18,Demerger\n")
    for day in DAYS:
        own = bars("ACME", {day: 100 if day == DAYS[0] else 80}) if day in {DAYS[0], DAYS[3]} else ""
        market.take(f"{day}.csv", DAILY + bars("OTHER", {day: 1}) + own)
    assert history_of(market, "ACME").multiplier.tolist() == [1, 100 / 80]


def test_a_rename_moves_no_column(market: Market) -> None:
    market.take("r.csv", RENAMES + "Acme,OLD,NEW,2024-01-17\n")
    for day, name in zip(DAYS, ("OLD", "OLD", "NEW", "NEW"), strict=True):
        market.take(f"{day}.csv", DAILY + bars(name, {day: 100}) + bars("ZED", {day: 7}))
    panel = market.store().panel()
    assert panel.instruments == ("NEW", "ZED")
    assert (panel.state > 0).all()


def test_a_name_that_was_taken_over_is_two_instruments(market: Market) -> None:
    market.take("r.csv", RENAMES + "One,A,B,2024-01-16\nTwo,C,A,2024-01-17\n")
    market.take("x.csv", DAILY + bars("A", dict.fromkeys((DAYS[0], DAYS[3]), 100)) + bars("B", dict.fromkeys(DAYS[1:], 100)))
    assert states(market, "B") == [1, 1, 1, 1]
    assert states(market, "A") == [NOT_LISTED, NOT_LISTED, NOT_LISTED, 1]


def test_a_price_that_does_not_fit_is_refused_and_not_kept(market: Market) -> None:
    market.take("r.csv", "company,old,new,date\nx,A,B,2024-01-15\n")  # a file for the bar to belong to
    prices = dict.fromkeys(("open", "high", "low", "close"), 3_000_000_000)
    bar = pd.DataFrame([{"symbol": "ACME", "session": "2024-01-15", "series": "EQ", **prices, "volume": 5, "provisional": 0}])
    reason = r"^ACME 2024-01-15: a high of 3000000000 paise is above the maximum of the panel"

    def write() -> None:
        with derived_with(market.archive):
            market.archive.merge("bars", bar, 1, replace=False, source="x.csv")
            market.archive.count_change()

    with pytest.raises(DataError, match=reason):
        write()
    assert market.rows("SELECT count(*) FROM bars") == [(0,)]
    assert market.store().last_session() is None


@pytest.mark.parametrize(
    ("symbol", "day", "before", "after"),
    [
        ("IRFC", date(2021, 1, 29), {NOT_LISTED}, {1}),
        ("YESBANK", date(2020, 3, 18), {1}, {1}),
    ],
)
def test_real_listings(
    real_market: Path, sessions: SessionTable, symbol: str, day: date, before: set[int], after: set[int]
) -> None:
    panel = Store(real_market, sessions).panel()
    state = panel.state[:, panel.columns[symbol]]
    at = panel.last_index(day)
    assert panel.sessions[at] == day.toordinal()
    assert set(state[:at].tolist()) == before
    assert set(state[at:].tolist()) == after


def test_real_columns_and_real_histories_say_the_same(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    panel = store.panel()
    assert len(panel.instruments) == len(set(panel.instruments)) == 194
    for instrument_id, column in panel.columns.items():
        state = panel.state[:, column]
        first = int(np.argmax(state > 0))
        assert not state[:first].any()
        assert NOT_LISTED not in state[first:]
        history = store.history(instrument_id)
        assert history is not None
        assert np.array_equal(history.sessions, panel.sessions[state > 0])
        assert not panel.close[state <= 0, column].any()
        assert (panel.multiplier[:first, column] == 1).all()
