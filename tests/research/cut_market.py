"""The market as somebody had it on the evening of a session: files cut there, and imported like any others."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import import_files

Row = dict[str, str]


def cut_market(folder: Path, data: Path, sessions: SessionTable, symbols: Iterable[str], last: date) -> Path:
    """A market folder made from `data` with the bars and minutes of `symbols` up to `last`, and the corporate actions known
    then: those with an ex-date up to the next run session."""
    names = set(symbols)
    known = sessions.next_run_session(last).date.isoformat()
    through = last.isoformat()
    files = folder / "files"
    files.mkdir(parents=True)
    years = [path for path in sorted((data / "daily").glob("*.csv.gz")) if path.name[-11:-7] <= through[:4]]
    for path in years:
        _copy(path, files / path.name[:-3], lambda row: row["symbol"] in names and row["date"] <= through)
    for path in sorted((data / "minute").glob("*.csv.gz")):
        if path.name.partition(".")[0] in names:
            _copy(path, files / path.name[:-3], lambda row: row["datetime"][:10] <= through)
    _copy(data / "lists" / "corporate_actions.csv", files / "corporate_actions.csv", lambda row: row["ex_date"] <= known)
    for path in (data / "lists" / "EQUITY_L.csv", data / "lists" / "symbolchange.csv", *(data / "instruments").glob("*.csv")):
        shutil.copy(path, files / path.name)
    archive = Archive(folder / "market")
    try:
        import_files([files], archive, sessions, at=datetime(2026, 11, 20, tzinfo=UTC))
    finally:
        archive.close()
    return folder / "market"


def _copy(source: Path, target: Path, wanted: Callable[[Row], bool]) -> None:
    """The rows that are wanted; no file where there is none."""
    rows = [row for row in read(source) if wanted(row)]
    if rows:
        with target.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def read(path: Path) -> Iterator[Row]:
    """The rows of a CSV file, gzipped or not."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        yield from csv.DictReader(file)
