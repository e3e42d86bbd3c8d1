"""A new list of renames while the archive or the ledger is locked: no command waits, and nothing is lost or half followed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import insert, select

from tradectl.bootstrap.renames import LedgerRenames, RenameWatch
from tradectl.clock import VirtualClock
from tradectl.errors import DataError
from tradectl.exchange.sessions import SessionTable
from tradectl.freshness import ARCHIVE
from tradectl.ledger import schema
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import import_files
from tradectl.marketdata.store import Store
from tradectl.screener.readings import Readings
from tradectl.strategy.parameters import Parameters

NOW, DAY = datetime(2025, 4, 9, 4, tzinfo=UTC), date(2025, 4, 9)


@dataclass
class Process:
    """A process that runs for long, with one decision about OLDCO in its ledger."""

    folder: Path
    ledger: Ledger
    renames: LedgerRenames
    market: Store
    watch: RenameWatch
    forgotten: list[str]

    @property
    def archive(self) -> Path:
        return self.folder / ARCHIVE

    def learn(self) -> None:
        """Import the list with the rename, as another process does."""
        file = self.folder.with_name("symbolchange.csv")
        file.write_text("company,old,new,date\nThe Company,OLDCO,NEWCO,2025-04-09\n", encoding="utf-8")
        with closing(Archive(self.folder)) as archive:
            import_files([file], archive, self.market.sessions, at=NOW)

    def ids(self) -> tuple[str, str]:
        """The id of OLDCO in the market that this process has read, and in the ledger."""
        with self.ledger.database.read() as connection:
            return self.market.renames().owner("OLDCO", date(2025, 4, 8)), connection.scalars(
                select(schema.orders.c.instrument_id)
            ).one()


@pytest.fixture
def process(tmp_path: Path, sessions: SessionTable) -> Iterator[Process]:
    folder = tmp_path / "market"
    Archive(folder).close()
    database = open_database(tmp_path / "ledger.db", busy_seconds=0.2)
    create_or_upgrade(database)
    ledger, clock, forgotten = Ledger(database, "me"), VirtualClock(NOW), list[str]()
    ledger.users.add("me", capital=100, created_at=NOW)
    with database.write() as connection:
        connection.execute(insert(schema.orders).values(
            user="me", tag="t", instrument_id="OLDCO", symbol="OLDCO", side="BUY", purpose="entry", quantity=10, price=100,
            order_type="LIMIT", variety="AMO", status="PENDING", session_date=DAY, decided=date(2025, 4, 8), leg="entry:1",
            generation=0, created_at=NOW, updated_at=NOW, sent_at=NOW,
        ))  # fmt: skip
    renames = LedgerRenames(folder, ledger, clock, lambda: database)
    assert renames.follow()
    market = Store(folder, sessions)
    watch = RenameWatch(renames, market, Readings(market, Parameters()), lambda: forgotten.append("broker"))
    yield Process(folder, ledger, renames, market, watch, forgotten)
    database.close()


def test_a_step_follows_a_new_list_once(process: Process) -> None:
    assert process.ids() == ("OLDCO", "OLDCO")
    process.learn()
    assert [process.watch(), process.watch()] == [True, False]
    assert process.ids() == ("NEWCO", "NEWCO")


def test_a_locked_archive_delays_a_step_by_a_moment(process: Process) -> None:
    assert process.ids() == ("OLDCO", "OLDCO")
    process.learn()
    with closing(sqlite3.connect(process.archive, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = monotonic()
        assert not process.watch()
        assert monotonic() - began < 2
        assert process.ids() == ("OLDCO", "OLDCO")
    assert [process.watch(), process.watch()] == [True, False]
    assert process.ids() == ("NEWCO", "NEWCO")


def test_a_locked_ledger_leaves_the_market_as_it_is(process: Process, tmp_path: Path) -> None:
    assert process.ids() == ("OLDCO", "OLDCO")
    process.learn()
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not process.watch()
        assert (process.ids(), process.forgotten) == (("OLDCO", "OLDCO"), [])
    assert process.watch()
    assert (process.ids(), process.forgotten) == (("NEWCO", "NEWCO"), ["broker"])


def test_an_error_of_one_part_repeats_all_parts(process: Process) -> None:
    def broken() -> None:
        process.forgotten.append("broken")
        raise DataError("the broker cannot forget")

    process.learn()
    whole, process.watch.forget_broker = process.watch.forget_broker, broken
    with pytest.raises(DataError, match="cannot forget"):
        process.watch()
    process.watch.forget_broker = whole
    assert [process.watch(), process.watch()] == [True, False]
    assert process.forgotten == ["broken", "broker"]


def test_a_market_opened_later_waits_for_its_ledger(process: Process, sessions: SessionTable) -> None:
    """The step may have read rows already, so it fails, even if a part of it catches the error; the next one has both."""
    process.learn()
    for _ in range(2):
        with pytest.raises(DataError, match="OLDCO belong to NEWCO"):
            process.renames.follow_market(Store(process.folder, sessions))
    process.watch()
    process.market = process.renames.follow_market(Store(process.folder, sessions))
    assert process.ids() == ("NEWCO", "NEWCO")


def test_a_reading_process_tries_again_after_a_lock(process: Process, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_database(path, read_only=True)) as reading:
        renames = LedgerRenames(
            process.folder, Ledger(reading, "me"), process.renames.clock, lambda: open_database(path, busy_seconds=0.2)
        )
        process.learn()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began = monotonic()
            assert (renames.follow(), renames.behind) == (False, True)
            assert monotonic() - began < 2
        assert (renames.follow(), renames.behind) == (True, False)
    assert process.ids()[1] == "NEWCO"
