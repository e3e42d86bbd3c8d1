"""What readers ask of the store, and what it never shows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.integration.marketdata.conftest import ACTIONS, DAILY, Market, bars
from tradectl.errors import UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.store import Store
from tradectl.ports import MarketData

LIST = "Company Name,Industry,Symbol,Series,ISIN Code\n"
KITE = "instrument_token,exchange_token,tradingsymbol,name,tick_size,lot_size,segment,exchange\n"


def promised(store: Store) -> MarketData:
    """The store is the port, as mypy sees it."""
    return store


def test_a_store_opened_through_a_session_shows_nothing_later(real_market: Path, sessions: SessionTable) -> None:
    cut = date(2021, 5, 14)
    store = Store(real_market, sessions, through=cut)
    assert store.last_session() == cut
    for name in store.universe("nifty50"):
        history = store.history(name)
        assert history is None or history.session(len(history) - 1) <= cut
    assert store.history("LICI") is None
    assert store.minutes("RELIANCE", date(2021, 5, 17)) == ()
    assert len(store.minutes("RELIANCE", cut)) > 300


def test_a_universe_is_a_list_all_a_file_or_symbols(market: Market) -> None:
    market.take("ind_nifty50list.csv", LIST + "Acme,X,ACME,EQ,INE1\nBeta,X,BETA,EQ,INE2\n")
    market.take("x.csv", DAILY + bars("ACME", {"2024-01-15": 1}) + bars("M&M", {"2024-01-15": 1}))
    store = market.store()
    assert store.universe("Nifty50") == ("ACME", "BETA")
    assert store.universe("all") == ("ACME", "M&M")
    assert store.universe("m&m, acme") == ("ACME", "M&M")
    assert store.universe("ACME") == ("ACME",)
    plain = market.write("mine.txt", "# my own\nM&M\nacme  # good\n")
    headed = market.write("mine.csv", "Company,Symbol\nBeta Ltd,BETA\n")
    assert store.universe(str(plain)) == ("ACME", "M&M")
    assert store.universe(str(headed)) == ("BETA",)


def test_an_unknown_universe_names_the_known_ones(market: Market) -> None:
    market.take("ind_nifty50list.csv", LIST + "Acme,X,ACME,EQ,INE1\n")
    with pytest.raises(UsageError, match=r"^nifty55 is neither a list nor a symbol; known lists: nifty50, all$"):
        market.store().universe("nifty55")
    with pytest.raises(UsageError, match=r"^NOPE is neither"):
        market.store().universe("ACME,NOPE")
    with pytest.raises(UsageError, match=r"nowhere\.txt: cannot be read"):
        market.store().universe("./nowhere.txt")


def test_an_old_name_in_a_list_finds_its_company(real_market: Path, sessions: SessionTable) -> None:
    assert Store(real_market, sessions).universe("ZOMATO,TELCO,MCDOWELL-N") == ("ETERNAL", "TMPV", "UNITDSPR")


def test_all_real_lists_resolve(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    assert store.lists() == ("nifty100", "nifty200", "nifty50", "nifty500")
    sizes = {name: len(store.universe(name)) for name in (*store.lists(), "all")}
    assert sizes == {"nifty50": 50, "nifty100": 100, "nifty200": 200, "nifty500": 500, "all": 194}
    without = [name for name in store.universe("nifty200") if store.history(name) is None]
    assert without == ["GROWW", "ICICIAMC", "LENSKART", "LGEINDIA", "TATACAP", "TMCV"]


def test_a_symbol_is_found_by_the_name_of_its_day(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    assert store.find("TATAMOTORS", date(2023, 1, 2)) == "TMPV"
    assert store.find("tmpv", date(2023, 1, 2)) == "TMPV"
    with pytest.raises(UsageError, match=r"^TATAMOTORS is unknown on 2025-12-01: it became TMPV on 2025-10-24$"):
        store.find("TATAMOTORS", date(2025, 12, 1))
    with pytest.raises(UsageError, match=r"^QQQQ is unknown on 2023-01-02: `tradectl data list` shows which data are stored$"):
        store.find("QQQQ", date(2023, 1, 2))
    with pytest.raises(UsageError, match=r"^relianse is unknown on 2023-01-02\. Did you mean RELIANCE\?$"):
        store.find("relianse", date(2023, 1, 2))


def test_an_instrument_is_what_it_was_on_its_day(real_market: Path, sessions: SessionTable) -> None:
    tata = Store(real_market, sessions).instrument("TMPV", date(2023, 1, 2))
    assert (tata.instrument_id, tata.symbol, tata.series, tata.isin) == ("TMPV", "TATAMOTORS", "EQ", "INE155A01022")
    assert not tata.closing_auction


def test_the_series_of_a_day_is_the_last_bars(market: Market) -> None:
    rows = bars("ACME", {"2024-01-15": 100, "2024-01-16": 100}).replace("2024-01-16,ACME,EQ", "2024-01-16,ACME,BE")
    market.take("x.csv", DAILY + rows)
    store = market.store()
    days = (date(2024, 1, 12), date(2024, 1, 15), date(2024, 1, 16), date(2024, 1, 17))
    assert [store.instrument("ACME", day).series for day in days] == ["EQ", "EQ", "BE", "BE"]
    assert store.instrument("ACME", days[0]).isin is None


def test_a_tick_is_of_its_months_dump_else_of_the_table(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2025-04-30": 900, "2025-05-02": 1200, "2025-05-30": 1300}))
    market.take("dump_2025-06-10.csv", KITE + "257,1,ACME,ACME,0.50,1,NSE,NSE\n")
    store = market.store()

    def tick(*day: int) -> int:
        return store.instrument("ACME", date(*day)).tick_size

    assert tick(2025, 4, 30) == 5  # a newcomer: by its first close
    assert tick(2025, 5, 30) == 5  # the close of April, 900, holds all of May
    assert tick(2025, 6, 9) == 10  # the dump was made later
    assert tick(2025, 6, 10) == 50  # the dump
    assert tick(2025, 7, 1) == 10  # its month is over


def test_real_ticks_hold_every_price_of_their_month(real_market: Path, sessions: SessionTable) -> None:
    """By the month-end close no price is off the tick (sampled: since 2025-04-15, and each month before)."""
    store = Store(real_market, sessions)
    checked = 0
    for name in store.universe("nifty50"):
        history = store.history(name)
        assert history is not None
        for at in range(history.last_index(date(2024, 6, 9)) + 1, len(history), 3):
            tick = store.instrument(name, history.session(at)).tick_size
            assert all(int(column[at]) % tick == 0 for column in (history.open, history.high, history.low)), (name, at)
            checked += 1
    assert checked > 3000


def test_flags_come_from_a_dump_with_derivatives(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2026-07-31": 100}) + bars("BETA", {"2026-07-31": 100}))
    market.take("old_2026-05-04.csv", KITE + "1,1,ACME,ACME,0.01,1,NSE,NSE\n")
    market.take(
        "dump_2026-06-10.csv",
        KITE + "1,1,ACME,ACME,0.01,1,NSE,NSE\n1,1,BETA,B,0.01,1,NSE,NSE\n1,7,ACME26JUNFUT,ACME,0.05,400,NFO-FUT,NFO\n",
    )
    store = market.store()
    before, after, auction = date(2026, 5, 5), date(2026, 7, 31), date(2026, 8, 3)
    assert [store.instrument("ACME", day).derivatives for day in (before, after, auction)] == [False, True, True]
    assert [store.instrument("ACME", day).closing_auction for day in (before, after, auction)] == [False, False, True]
    assert not store.instrument("BETA", auction).closing_auction


def test_instruments_are_the_same_object_each_time(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2024-01-15": 100}))
    store = market.store()
    assert store.instrument("ACME", date(2024, 1, 15)) is store.instrument("ACME", date(2024, 1, 15))


def test_actions_are_after_and_through(market: Market) -> None:
    market.take("ca.csv", ACTIONS + "".join(f"ACME,EQ,2024-01-{day},Dividend - Rs {day} Per Share\n" for day in (15, 16, 17)))
    store = market.store()
    found = store.actions("ACME", date(2024, 1, 15), date(2024, 1, 17))
    assert [(action.ex_date.day, action.dividend) for action in found] == [(16, 1600), (17, 1700)]
    assert store.actions("BETA", date(2024, 1, 1), date(2024, 2, 1)) == ()


def test_real_minutes_are_inside_the_days_range(real_market: Path, sessions: SessionTable) -> None:
    store = Store(real_market, sessions)
    session = date(2021, 5, 14)
    minutes = store.minutes("TMPV", session)
    history = store.history("TMPV")
    assert history is not None
    bar = history.bar(history.index(session) or 0)
    assert minutes[0][0] == 0
    assert [row[0] for row in minutes] == sorted({row[0] for row in minutes})
    assert max(row[2] for row in minutes) <= bar.high
    assert min(row[3] for row in minutes) >= bar.low
    assert store.minutes("TMPV", date(2022, 5, 13)) == ()


EDITED_BY_HAND = {"ADANIPOWER", "ADANIPOWER-BE", "JBMA", "SUZLON-BE", "SWSOLAR", "WELSPUNLIV"}
"""Rows of the dump whose tokens somebody changed after the download; one begins with `# `."""


def test_a_kite_token_is_the_exchange_token_times_256_and_1(shared_data: Path) -> None:
    lines = (shared_data / "instruments" / "kite_instruments_NSE_2024-01-16.csv").read_text().splitlines()[1:]
    shares = [line.split(",") for line in lines if ",NSE,NSE" in line]
    assert len(shares) == 5603
    assert {row[2] for row in shares if row[0] != str(int(row[1]) * 256 + 1)} == EDITED_BY_HAND


def test_a_dump_with_a_share_in_two_series_keeps_eq(real_market: Path, sessions: SessionTable) -> None:
    """ADANIPOWER is there as EQ and as ADANIPOWER-BE."""
    archive = Archive(real_market)
    rows = archive.db.execute("SELECT series FROM instruments WHERE symbol = 'ADANIPOWER' AND source = 'kite'").fetchall()
    archive.close()
    assert rows == [("EQ",)]
