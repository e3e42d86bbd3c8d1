"""The columns derived from the archive: whole, current, light to open, and adjusted forward."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.marketdata.conftest import DAILY, Market
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.series import open_series
from tradectl.marketdata.store import Store
from tradectl.model.history import History

DAYS = ("2024-01-15", "2024-01-16", "2024-01-17", "2024-01-18")
ACTIONS = "symbol,series,ex_date,subject\n"


def bars(symbol: str, closes: dict[str, float]) -> str:
    return "".join(f"{day},{symbol},EQ,{close:.2f},{close:.2f},{close:.2f},{close:.2f},100\n" for day, close in closes.items())


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


def test_the_series_follow_every_import(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100}))
    reader = market.store()
    assert reader.history("ACME") is not None
    market.take("y.csv", DAILY + bars("ACME", {DAYS[1]: 101}))
    assert len(history_of(market, "ACME")) == 2
    assert [path.name for path in market.folder.glob("*series*")] == ["series-2"]
    assert np.array_equal(reader.history("ACME").close, [10000])  # type: ignore[union-attr]


def test_importing_the_same_again_does_not_rebuild(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100}))
    before = (market.folder / "series-1" / "index.json").stat().st_mtime_ns
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100}))
    assert (market.folder / "series-1" / "index.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["truncate", "remove", "index", "all"])
def test_damaged_series_are_built_again(market: Market, damage: str) -> None:
    market.take("x.csv", DAILY + bars("ACME", {DAYS[0]: 100, DAYS[1]: 101}))
    folder = market.folder / "series-1"
    match damage:
        case "truncate":
            (folder / "close.npy").write_bytes((folder / "close.npy").read_bytes()[:-3])
        case "remove":
            (folder / "facts.json").unlink()
        case "index":
            (folder / "index.json").write_text('{"format": 1')
        case _:
            shutil.rmtree(folder)
    assert history_of(market, "ACME").close.tolist() == [10000, 10100]


def test_no_archive_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^no market data in .*: import some with"):
        open_series(tmp_path)


def test_an_empty_archive_has_no_histories(market: Market) -> None:
    store = market.store()
    assert store.history("ACME") is None
    assert store.last_session() is None
    assert store.universe("all") == ()


def test_columns_cannot_be_written(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", dict.fromkeys(DAYS, 100)))
    with pytest.raises(ValueError, match="read-only"):
        history_of(market, "ACME").close[0] = 1


def test_reading_is_light(real_market: Path) -> None:
    """A reader loads neither pandas nor sqlite_utils, and 50 histories are there at once."""
    code = f"""
import sys, time
from pathlib import Path
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
sessions = SessionTable.load()
best = 9.0
for _ in range(3):
    began = time.perf_counter()
    store = Store(Path({str(real_market)!r}), sessions)
    histories = [store.history(name) for name in store.universe('nifty50')]
    best = min(best, time.perf_counter() - began)
assert len(histories) == 50 and all(histories)
assert not {{'pandas', 'sqlite_utils', 'sqlalchemy'}} & set(sys.modules), 'heavy'
print(best)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 0.05
