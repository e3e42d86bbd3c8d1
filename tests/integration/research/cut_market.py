"""The market as it was known on the evening of a session: the files are cut there and imported."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import import_files


def cut_market(folder: Path, data: Path, sessions: SessionTable, symbols: Iterable[str], last: date) -> Path:
    """Return a market folder made from `data`, with the bars and minutes of `symbols` up to `last`.

    It has the corporate actions known then: those with an ex-date up to the next run session.
    """
    names = set(symbols)
    known = sessions.next_run_session(last).date.isoformat()
    through = last.isoformat()
    files = folder / "files"
    files.mkdir(parents=True)
    for path in sorted((data / "daily").glob("*.csv.gz")):
        _copy(path, files, lambda line: line[:10] <= through and line.split(",", 2)[1] in names)
    for path in sorted((data / "minute").glob("*.csv.gz")):
        if path.name.partition(".")[0] in names:
            _copy(path, files, lambda line: line[:10] <= through)
    _copy(data / "lists" / "corporate_actions.csv", files, lambda line: line.split(",", 3)[2] <= known)
    for path in (data / "lists" / "EQUITY_L.csv", data / "lists" / "symbolchange.csv", *(data / "instruments").glob("*.csv")):
        _copy(path, files, lambda line: not names.isdisjoint(line.replace('"', "").rstrip().split(",")))
    archive = Archive(folder / "market")
    try:
        import_files([files], archive, sessions, at=datetime(2026, 11, 20, tzinfo=UTC))
    finally:
        archive.close()
    return folder / "market"


def _copy(source: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Copy the header and the wanted lines. Only the last column may have commas."""
    with gzip.open(source, "rt") if source.suffix == ".gz" else source.open() as file:
        header, *lines = [next(file), *filter(wanted, file)]
    if lines:
        (folder / source.name.removesuffix(".gz")).write_text("".join([header, *lines]))
