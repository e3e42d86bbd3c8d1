"""One transaction for everything given; the same again changes nothing; a contradiction is refused unless replaced."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from itertools import permutations
from pathlib import Path

import pytest

from tests.integration.marketdata.conftest import DAILY, Market
from tradectl.errors import DatabaseError, DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.check import check
from tradectl.marketdata.imports import import_files
from tradectl.marketdata.inventory import describe
from tradectl.marketdata.store import Store

GOOD = "2024-01-15,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
FULL = "SYMBOL, SERIES, DATE1, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, CLOSE_PRICE, TTL_TRD_QNTY\n"
LIST = "Company Name,Industry,Symbol,Series,ISIN Code\n"


def test_the_same_file_again_changes_nothing_and_says_so(market: Market) -> None:
    first = market.take("x.csv", DAILY + GOOD)
    again = market.take("x.csv", DAILY + GOOD)
    assert (first.changed, first.files[0].merged.new, first.generation) == (True, 1, 1)
    assert (again.changed, again.files[0].merged.same, again.generation) == (False, 1, 1)
    assert again.files[0].unchanged
    assert market.rows("SELECT name, kind, rows, imported_at FROM files") == [("x.csv", "daily", 1, "2026-11-20T12:00:00+00:00")]


def test_a_contradiction_is_refused_with_what_differs(market: Market) -> None:
    market.take("x.csv", DAILY + GOOD)
    with pytest.raises(
        DataError,
        match=r"^y\.csv row 2: ACME 2024-01-15 is stored with close Rs 105\.50, not Rs 105\.00; --replace stores",
    ):
        market.take("y.csv", DAILY + GOOD.replace("105.50", "105.00"))
    assert market.rows("SELECT close FROM bars") == [(10550,)]


def test_replace_takes_the_new(market: Market) -> None:
    market.take("x.csv", DAILY + GOOD)
    report = market.take("y.csv", DAILY + GOOD.replace("105.50", "105.00"), replace=True)
    assert (report.files[0].merged.replaced, report.generation) == (1, 2)
    assert market.rows("SELECT close FROM bars") == [(10500,)]
    assert market.rows("SELECT f.name FROM bars b JOIN files f ON f.id = b.file") == [("y.csv",)]


def test_one_bad_file_stops_the_whole_import(market: Market) -> None:
    good = market.write("a.csv", DAILY + GOOD)
    bad = market.write("b.csv", DAILY + GOOD.replace("105.50", "0"))
    worse = market.write("c.csv", "")
    with pytest.raises(DataError, match=r"^b\.csv row 2: close '0' .* \(and 1 more bad files; nothing was imported\)$"):
        market.take_files(good, bad, worse)
    assert market.rows("SELECT count(*) FROM bars") == [(0,)]


def test_a_contradiction_in_the_last_file_undoes_the_first(market: Market) -> None:
    market.take("x.csv", DAILY + GOOD)
    fresh = market.write("a.csv", DAILY + GOOD.replace("01-15", "01-16"))
    other = market.write("z.csv", DAILY + GOOD.replace("105.50", "105.00"))
    with pytest.raises(DataError, match=r"^z\.csv"):
        market.take_files(fresh, other)
    assert market.rows("SELECT session FROM bars") == [("2024-01-15",)]
    assert market.rows("SELECT count(*) FROM files") == [(1,)]


def test_the_order_of_the_files_does_not_matter(tmp_path: Path, sessions: SessionTable) -> None:
    """A bhavcopy and a daily file that disagree: with --replace the bhavcopy wins however the shell sorts them."""
    found = set()
    for number, order in enumerate(permutations(range(3))):
        files = tmp_path / f"files{number}"
        files.mkdir()
        market = Market(tmp_path / f"m{number}", files, sessions, Archive(tmp_path / f"m{number}"))
        paths = [
            market.write("z.csv", DAILY + GOOD),
            market.write("a.csv", FULL + "ACME, EQ, 15-Jan-2024, 100, 110, 95, 106, 9\n"),
            market.write("m.csv", DAILY + GOOD.replace("01-15", "01-16")),
        ]
        report = market.take_files(*(paths[i] for i in order), replace=True)
        found.add((tuple(f.name for f in report.files), *market.rows("SELECT session, close, file FROM bars ORDER BY session")))
        market.archive.close()
    assert found == {(("m.csv", "z.csv", "a.csv"), ("2024-01-15", 10600, 3), ("2024-01-16", 10550, 1))}


def test_a_folder_gives_its_files(market: Market) -> None:
    market.write("a.csv", DAILY + GOOD)
    market.write("b.csv.gz", DAILY + GOOD.replace("ACME", "BETA"))
    market.write("notes.md", "not data")
    assert [file.name for file in market.take_files(market.files).files] == ["a.csv", "b.csv.gz"]


def test_one_odd_file_of_a_folder_does_not_hide_the_others(market: Market) -> None:
    """A table of texts, a note, a page in place of a bhavcopy, a contradiction; the rest is written, and each is named."""
    market.take("stored.csv", DAILY + GOOD.replace("ACME", "GAMMA"))
    (market.files / "stored.csv").unlink()
    market.write("a.csv", DAILY + GOOD)
    market.write("action_texts.csv", "subject,kind,factor\nBonus 1:1,bonus,0.5\n")
    market.write("b.csv.gz", DAILY + GOOD.replace("ACME", "BETA"))
    market.write(
        "contradiction.csv", DAILY + GOOD.replace("01-15", "01-16") + GOOD.replace("ACME", "GAMMA").replace("105.50", "105")
    )
    market.write("page.csv", "<html>Access Denied</html>")
    market.write("notes.md", "not data")
    market.write(".hidden.csv", "")
    (market.files / "older").mkdir()
    report = market.take_files(market.files)
    assert [file.name for file in report.files] == ["a.csv", "b.csv.gz"]
    assert [item.reason.partition(": ")[0] for item in report.refused] == [
        "action_texts.csv",
        "page.csv",
        "contradiction.csv row 3",
    ]
    assert [item.name for item in report.refused] == ["action_texts.csv", "page.csv", "contradiction.csv"]
    assert report.ignored == ("notes.md", "older/")
    assert market.rows("SELECT symbol, session FROM bars ORDER BY 1") == [
        ("ACME", "2024-01-15"), ("BETA", "2024-01-15"), ("GAMMA", "2024-01-15"),
    ]  # fmt: skip
    assert market.rows("SELECT name FROM files ORDER BY name") == [("a.csv",), ("b.csv.gz",), ("stored.csv",)]


def test_a_named_file_beside_a_folder_still_undoes_everything(market: Market, tmp_path: Path) -> None:
    market.write("a.csv", DAILY + GOOD)
    named = tmp_path / "named.csv"
    named.write_text("subject,kind,factor\nBonus 1:1,bonus,0.5\n")
    with pytest.raises(DataError, match=r"^named\.csv: is not in a known format"):
        market.take_files(market.files, named)
    assert market.rows("SELECT count(*) FROM bars") == [(0,)]


def test_a_bar_of_a_session_that_has_not_ended_is_not_final(market: Market) -> None:
    """20 November 2026, 11:00 IST: today's bar may only be provisional; an hour after the close it may be final."""
    today = "2026-11-20,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"
    path = market.write("x.csv", DAILY + GOOD + today)
    marked = market.write("p.csv", DAILY.replace("volume", "volume,provisional") + today.strip() + ",1\n")
    morning, evening = datetime(2026, 11, 20, 5, 30, tzinfo=UTC), datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    with pytest.raises(DataError, match=r"^x\.csv row 3: the session of 2026-11-20 has not ended, so this bar of ACME"):
        import_files([path], market.archive, market.sessions, at=morning)
    assert import_files([marked], market.archive, market.sessions, at=morning).changed
    assert import_files([path], market.archive, market.sessions, at=evening).changed
    assert market.rows("SELECT session, provisional FROM bars ORDER BY 1") == [("2024-01-15", 0), ("2026-11-20", 0)]


def test_minutes_of_a_session_to_come_are_refused(market: Market) -> None:
    rows = "2026-11-23 09:15:00,1,1,1,1,1\n2026-11-23 09:16:00,1,1,1,1,1\n"
    with pytest.raises(DataError, match=r"^ACME\.csv row 2: 2026-11-23 is in the future \(today is 2026-11-20\)$"):
        market.take("ACME.csv", "datetime,open,high,low,close,volume\n" + rows)


OLD = "2015-01-05,ACME,EQ,100.00,110.00,95.00,105.50,1000\n"


def test_years_before_the_calendar_are_taken_only_when_asked(market: Market) -> None:
    """Their sessions are those of the bars: marked, left out of what the calendar is compared with, and no holiday or Sunday."""
    with pytest.raises(DataError, match=r"^x\.csv row 2: 2015-01-05 is before the session table, .* --derive-calendar imports"):
        market.take("x.csv", DAILY + OLD + GOOD)
    assert market.take("x.csv", DAILY + OLD + GOOD, derive_calendar=True).changed
    assert describe(market.folder).derived_sessions == 1
    assert market.store().last_session() == date(2024, 1, 15)
    found = {item.kind: item.count for item in check(market.store(), indicators=False)}
    assert found["sessions without any bar"] == len(market.sessions.between(date(2018, 1, 1), date(2024, 1, 14)))
    for day, reason in (
        ("01-26", "not a session of the exchange .Republic Day"),
        ("01-04", "a Sunday; bars of fewer than 20 shares"),
    ):
        with pytest.raises(DataError, match=reason):
            market.take("y.csv", DAILY + OLD.replace("01-05", day), derive_calendar=True)
    rows = "2015-01-05 09:15:00,1,1,1,1,1\n2015-01-05 09:16:00,1,1,1,1,1\n"
    with pytest.raises(DataError, match="2015-01-05 is not known"):
        market.take("ACME.csv", "datetime,open,high,low,close,volume\n" + rows, derive_calendar=True)


def test_an_empty_folder_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match="has no data file such as a CSV file"):
        market.take_files(market.files)


def test_a_final_bar_replaces_a_provisional_one_only(market: Market) -> None:
    import pandas as pd

    bar = {"symbol": "ACME", "session": "2024-01-15", "series": "EQ", "open": 10000, "high": 11000, "low": 9500, "close": 10600}

    def provisional(close: int) -> None:
        frame = pd.DataFrame([{**bar, "close": close, "volume": 5, "provisional": 1}])
        with market.archive.transaction():
            market.archive.merge("bars", frame, 1, replace=False, source="quotes")

    market.take("r.csv", "company,old,new,date\nx,A,B,2024-01-15\n")  # a file for the bar to belong to
    provisional(10600)
    report = market.take("x.csv", DAILY + GOOD)
    assert report.files[0].merged.replaced == 1
    provisional(10700)
    assert market.rows("SELECT close, provisional FROM bars") == [(10550, 0)]


def test_an_eq_row_takes_the_place_of_be_and_not_the_other_way(market: Market) -> None:
    market.take("a.csv", DAILY + GOOD.replace("EQ", "BE"))
    assert market.take("b.csv", DAILY + GOOD.replace("1000", "900")).files[0].merged.replaced == 1
    assert market.take("c.csv", DAILY + GOOD.replace("EQ", "BZ")).files[0].merged.kept == 1
    assert market.rows("SELECT series, volume FROM bars") == [("EQ", 900)]


def test_a_newer_list_replaces_the_older_one_whole(market: Market) -> None:
    market.take("ind_nifty50list.csv", LIST + "Acme,X,ACME,EQ,INE1\nBeta,X,BETA,EQ,INE2\n")
    report = market.take("ind_nifty50list.csv", LIST + "Acme,Y,ACME,EQ,INE1\nGamma,X,GAMMA,EQ,INE3\n")
    merged = report.files[0].merged
    assert (merged.new, merged.replaced, merged.removed) == (1, 1, 1)
    assert market.rows("SELECT list, symbol FROM lists ORDER BY symbol") == [("nifty50", "ACME"), ("nifty50", "GAMMA")]


def test_a_full_disk_is_one_line_and_leaves_everything_as_it_was(market: Market) -> None:
    market.take("x.csv", DAILY + GOOD)
    pages = market.rows("PRAGMA page_count")[0][0]
    market.archive.db.execute(f"PRAGMA max_page_count = {pages}")
    many = "".join(GOOD.replace("ACME", f"S{i:05d}") for i in range(5000))
    with pytest.raises(DatabaseError, match=r"archive\.db: database or disk is full$") as refusal:
        market.take("y.csv", DAILY + many)
    assert refusal.value.exit_code == 10
    market.archive.db.execute("PRAGMA max_page_count = 1073741823")
    assert market.rows("SELECT symbol FROM bars") == [("ACME",)]
    assert market.rows("PRAGMA integrity_check") == [("ok",)]
    assert market.take("y.csv", DAILY + many).files[0].merged.new == 5000


def test_a_newer_or_broken_archive_is_refused(market: Market, tmp_path: Path) -> None:
    market.archive.db.execute("PRAGMA user_version = 99")
    with pytest.raises(DatabaseError, match="written by a newer tradectl"):
        Archive(market.folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "archive.db").write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseError, match="file is not a database"):
        Archive(tmp_path / "broken")


def test_progress_hears_of_every_file(market: Market) -> None:
    heard: list[tuple[str, int, int]] = []
    market.write("a.csv", DAILY + GOOD)
    market.write("b.csv", DAILY + GOOD.replace("ACME", "BETA"))
    from tests.integration.marketdata.conftest import AT

    import_files([market.files], market.archive, market.sessions, at=AT, progress=lambda *step: heard.append(step))
    assert heard == [("a.csv", 0, 2), ("b.csv", 1, 2), ("", 2, 2)]


def test_the_real_files_arrive_whole(real_market: Path, sessions: SessionTable) -> None:
    archive = Archive(real_market)
    try:
        counted = {
            name: archive.db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("bars", "renames", "actions")
        }
        assert counted == {"bars": 333_321, "renames": 1041, "actions": 2175}
        assert archive.db.execute("SELECT count(*), count(DISTINCT session) FROM minutes").fetchone() == (138_432, 50)
        tokens = archive.db.execute("SELECT count(*) FROM instruments WHERE source = 'kite'").fetchone()[0]
        assert tokens == 2281
    finally:
        archive.close()
    assert Store(real_market, sessions).last_session().isoformat() == "2025-06-30"  # type: ignore[union-attr]


def test_the_real_bhavcopies_agree_with_the_daily_files(
    real_market: Path, shared_data: Path, sessions: SessionTable, tmp_path: Path
) -> None:
    """Three formats, one truth: every symbol that the daily files have is the same there; the trap is refused."""
    folder = tmp_path / "market"
    shutil.copytree(real_market, folder)
    market = Market(folder, tmp_path, sessions, Archive(folder))
    report = market.take_files(*(shared_data / "bhavcopy" / name for name in ("old", "udiff", "sec_full")))
    merged = {file.name[:28]: (file.merged.same, file.merged.replaced) for file in report.files}
    assert {replaced for _, replaced in merged.values()} == {0}
    same = {name: count for name, (count, _) in merged.items()}
    assert same["cm05JUN2018bhav.csv.gz"] == 165
    assert same["cm27MAY2021bhav.csv.gz"] == 180
    with pytest.raises(DataError, match="has the date 2025-08-14, not 2025-08-15 as in its name"):
        market.take_files(shared_data / "bhavcopy" / "traps")
    assert market.take_files(shared_data / "bhavcopy" / "traps", accept_content=True).changed
    assert market.rows("SELECT count(*) FROM bars WHERE session = '2025-08-14'") == [(2402,)]
    assert market.rows("SELECT count(*) FROM bars WHERE session = '2025-08-15'") == [(0,)]
    market.archive.close()


def test_a_real_previous_close_is_not_needed_on_a_bonus_day(real_market: Path, sessions: SessionTable) -> None:
    """NSE's own previous close of RELIANCE on 2024-10-28 is the unadjusted 2655.70; ours is computed."""
    from datetime import date

    history = Store(real_market, sessions).history("RELIANCE")
    assert history is not None
    at = history.index(date(2024, 10, 28))
    assert at is not None
    assert (int(history.close[at - 1]), int(history.open[at])) == (265570, 133700)
    assert history.multiplier[at] / history.multiplier[at - 1] == 2.0
