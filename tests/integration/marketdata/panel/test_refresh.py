"""When the store is carried on and when it is derived anew: both give the same bytes, and neither is ever wrong."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.marketdata.conftest import ACTIONS, DAILY, RENAMES, Market, bars
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.panel.refresh import derived_with, open_panel
from tradectl.marketdata.panel.stored import StoredPanel
from tradectl.marketdata.schema import HISTORY
from tradectl.model.panel import FIELDS, Panel

DAYS = tuple(f"2024-01-{day}" for day in (15, 16, 17, 18, 19))
LIST = "Company Name,Industry,Symbol,Series,ISIN Code\n"


@pytest.fixture
def edition(market: Market) -> Callable[[], str]:
    """Asked twice: whether the store was carried on in between."""
    market.take("x.csv", DAILY + bars("ACME", dict.fromkeys(DAYS[:2], 100)) + bars("BETA", {DAYS[1]: 100}))

    def name() -> str:
        found = market.store().edition()
        assert market.store().panel().sessions.tolist() == [
            date.fromisoformat(day).toordinal() for (day,) in market.rows("SELECT DISTINCT session FROM bars ORDER BY session")
        ]
        same_as_anew(market.folder)
        return found

    return name


def same_as_anew(folder: Path) -> None:
    """The store says what one derived anew from the same archive says, to the bit."""
    with closing(sqlite3.connect(folder / "archive.db")) as archive:
        fresh = folder.parent / "anew"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        with closing(sqlite3.connect(fresh / "archive.db")) as copy:
            archive.backup(copy)
    mine, anew = open_panel(folder), open_panel(fresh)
    assert mine.index.instruments == anew.index.instruments
    assert equal(mine.panel, anew.panel)
    assert mine.records["bars"].tolist() == anew.records["bars"].tolist()
    assert mine.facts == anew.facts
    assert mine.damaged() == anew.damaged() == []


def equal(one: Panel, other: Panel) -> bool:
    return one.instruments == other.instruments and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("sessions", *FIELDS)
    )


CARRIED_ON = {
    "a later session": {"y.csv": DAILY + bars("ACME", {DAYS[2]: 101})},
    "two later sessions": {"y.csv": DAILY + bars("ACME", dict.fromkeys(DAYS[2:4], 101))},
    "a newcomer": {"y.csv": DAILY + bars("AAA", {DAYS[2]: 101})},
    "an action to come": {"ca.csv": ACTIONS + f"ACME,EQ,{DAYS[2]},Bonus 1:1\n"},
    "an action with the session it moves": {
        "ca.csv": ACTIONS + f"ACME,EQ,{DAYS[2]},Bonus 1:1\n",
        "y.csv": DAILY + bars("ACME", {DAYS[2]: 50}),
    },
    "a late dividend": {"ca.csv": ACTIONS + f"ACME,EQ,{DAYS[1]},Dividend - Rs 5 Per Share\n"},
    "a late action of a stranger": {"ca.csv": ACTIONS + f"STRANGER,EQ,{DAYS[1]},Bonus 1:1\n"},
    "a list": {"ind_nifty50list.csv": LIST + "Acme,X,ACME,EQ,INE1\n"},
}
ANEW = {
    "an earlier session": {"y.csv": DAILY + bars("ACME", {"2024-01-12": 101})},
    "an earlier bar": {"y.csv": DAILY + bars("BETA", {DAYS[0]: 101})},
    "an earlier bar with a later session": {"y.csv": DAILY + bars("BETA", {DAYS[0]: 101, DAYS[2]: 101})},
    "a replaced bar": {"y.csv": DAILY + bars("ACME", {DAYS[1]: 101})},
    "a rename": {"r.csv": RENAMES + f"Acme,ACME,NEW,{DAYS[3]}\n"},
    "a late bonus": {"ca.csv": ACTIONS + f"ACME,EQ,{DAYS[1]},Bonus 1:1\n"},
    "a late demerger": {"ca.csv": ACTIONS + f"ACME,EQ,{DAYS[1]},Demerger\n"},
}


@pytest.mark.parametrize("files", CARRIED_ON.values(), ids=CARRIED_ON)
def test_what_only_adds_is_carried_on(market: Market, edition: Callable[[], str], files: dict[str, str]) -> None:
    before = edition()
    assert market.take_files(*(market.write(*file) for file in files.items())).changed
    assert edition() == before


@pytest.mark.parametrize("files", ANEW.values(), ids=ANEW)
def test_what_touches_the_past_is_derived_anew(market: Market, edition: Callable[[], str], files: dict[str, str]) -> None:
    before = edition()
    assert market.take_files(*(market.write(*file) for file in files.items()), replace=True).changed
    assert edition() != before


def test_a_final_bar_for_a_provisional_one_is_derived_anew(market: Market, edition: Callable[[], str]) -> None:
    bar = {"symbol": "ACME", "session": DAYS[2], "series": "EQ", "open": 9, "high": 9, "low": 9, "close": 9, "volume": 1}
    with derived_with(market.archive):
        market.archive.merge("bars", pd.DataFrame([{**bar, "provisional": 1}]), 1, replace=False, source="quotes")
        market.archive.count_change()
    before = edition()
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    assert edition() != before


def test_the_same_again_writes_nothing(market: Market, edition: Callable[[], str]) -> None:
    before, index = edition(), (market.folder / "panel.json").stat()
    market.take("x.csv", DAILY + bars("ACME", dict.fromkeys(DAYS[:2], 100)))
    assert (edition(), (market.folder / "panel.json").stat().st_ino) == (before, index.st_ino)


def test_newcomers_beyond_the_spare_columns_are_derived_anew(market: Market, edition: Callable[[], str]) -> None:
    before, width = edition(), StoredPanel(market.folder).index.width
    market.take("y.csv", DAILY + "".join(bars(f"N{number:02}", {DAYS[2]: 5}) for number in range(width - 2)))
    assert edition() == before
    market.take("z.csv", DAILY + bars("LAST", {DAYS[3]: 5}))
    assert edition() != before
    assert StoredPanel(market.folder).index.width > width


def test_one_name_for_too_many_instruments_finds_its_columns(market: Market) -> None:
    """The names are counted beforehand, the instruments are not."""
    days = [session.date for session in market.sessions.between(date(2024, 1, 15), date(2024, 4, 15))]
    chains = [f"X,SAME,GONE{number},{day}\nX,NEXT{number},SAME,{day}\n" for number, day in enumerate(days[1:])]
    market.take("r.csv", RENAMES + "".join(chains))
    market.take("x.csv", DAILY + bars("SAME", {day.isoformat(): 5 for day in days}))
    assert len(market.store().panel().instruments) == len(days) > 32


def test_a_restored_archive_is_not_taken_for_the_old_one(market: Market, edition: Callable[[], str]) -> None:
    """It counts the same generations again, with other bars in them."""
    copy = market.folder.parent / "copy.db"
    market.archive.db.execute("VACUUM INTO ?", [str(copy)])
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    market.take("z.csv", DAILY + bars("ACME", {DAYS[3]: 102}))
    before = edition()
    market.archive.close()
    shutil.copy(copy, market.folder / "archive.db")
    market.archive = Archive(market.folder)
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 201}))
    assert market.take("z.csv", DAILY + bars("ACME", {DAYS[3]: 202})).generation == 3
    assert edition() != before


def test_rows_changed_past_the_importer_are_noticed(market: Market, edition: Callable[[], str]) -> None:
    before = edition()
    market.archive.db.execute("UPDATE bars SET volume = 7 WHERE symbol = 'ACME' AND session = ?", [DAYS[0]])
    market.archive.db.conn.commit()
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    assert edition() != before


@pytest.mark.parametrize("statement", ["INSERT OR IGNORE", "INSERT OR REPLACE"])
def test_no_way_to_insert_goes_past_the_notes(market: Market, edition: Callable[[], str], statement: str) -> None:
    before = edition()
    market.archive.db.execute(f"{statement} INTO bars VALUES ('BETA', ?, 'EQ', 5, 5, 5, 5, 1, 0, 1)", [DAYS[0]])
    market.archive.db.conn.commit()
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    assert edition() != before


def test_a_bar_taken_out_of_the_archive_is_out_of_the_store(market: Market, edition: Callable[[], str]) -> None:
    before = edition()
    with derived_with(market.archive):
        market.archive.db.execute("DELETE FROM bars WHERE session = ?", [DAYS[1]])
        market.archive.count_change()
    assert edition() != before
    assert len(market.store().panel()) == 1


def test_an_earlier_archive_is_upgraded_by_its_first_reader(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", dict.fromkeys(DAYS[:2], 100)))
    with market.archive.transaction():
        for kind, name in market.rows(
            "SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR name LIKE '%\\_%' ESCAPE '\\'"
        ):
            if any(str(name) in statement for statement in HISTORY):
                market.archive.db.execute(f"DROP {kind} {name}")
        market.archive.db.execute("DROP TABLE generations")
        market.archive.db.execute("DROP TABLE underlyings")
        market.archive.db.execute("PRAGMA user_version = 1")
    market.archive.close()
    assert market.store().panel().close.tolist() == [[10000], [10000]]
    market.archive = Archive(market.folder)
    market.take("y.csv", DAILY + bars("ACME", {DAYS[2]: 101}))
    assert market.store().panel().close.tolist() == [[10000], [10000], [10100]]


def test_a_refused_import_leaves_the_store_as_it_was(market: Market, edition: Callable[[], str]) -> None:
    before = edition()
    with pytest.raises(DataError):
        market.take("y.csv", DAILY + bars("ACME", {DAYS[1]: 101, DAYS[2]: 101}))
    assert edition() == before
    assert len(market.store().panel()) == 2


NAMES = ("A", "B", "C", "D")
CALENDAR = [date(2024, 1, 15) + timedelta(days=n) for n in range(5)]
closes = st.integers(1, 5).map(lambda close: close * 100)
stored = st.dictionaries(st.tuples(st.sampled_from(CALENDAR), st.sampled_from(NAMES)), closes, min_size=1)
words = st.sampled_from(["Bonus 1:1", "Face Value Split From Rs 10/- To Rs 2/-", "Demerger", "Dividend - Rs 3 Per Share"])
actions = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(CALENDAR), words), max_size=4)
renames = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(CALENDAR)), max_size=2)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=stored, known=actions, names=renames, data=st.data())
def test_whatever_the_order_of_imports_the_store_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    sessions: SessionTable,
    days: dict[tuple[date, str], int],
    known: list[tuple[str, date, str]],
    names: list[tuple[str, str, date]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("orders")
    market = Market(folder / "market", folder, sessions, Archive(folder / "market"))
    content = [DAILY + bars(name, {day.isoformat(): close / 100}) for (day, name), close in sorted(days.items())]
    content += [ACTIONS + f"{name},EQ,{day},{subject}\n" for name, day, subject in dict.fromkeys(known)]
    content += [
        RENAMES + f"X,{old},{new},{day}\n" for old, new, day in {(o, d): (o, n, d) for o, n, d in names if o != n}.values()
    ]
    in_order = data.draw(st.booleans(), label="in the order of sessions")
    files = content if in_order else data.draw(st.permutations(content), label="order")
    while files:
        many = data.draw(st.integers(1, len(files)), label="at once")
        market.take_files(*(market.write(f"{number}.csv", text) for number, text in enumerate(files[:many])))
        files = files[many:]
        same_as_anew(market.folder)
    market.archive.close()
