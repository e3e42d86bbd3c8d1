"""Fetch NSE's list of the shares that have derivatives, with their lot sizes. NSE publishes only today's list."""

from __future__ import annotations

import contextlib
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.errors import DataError
from tradectl.marketdata.archive import Archive, database_errors
from tradectl.marketdata.fetch import FetchReport, Missing
from tradectl.marketdata.importers import underlyings
from tradectl.marketdata.importers.registry import importer_for
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.imports import import_files
from tradectl.marketdata.reading import read_archive
from tradectl.marketdata.schema import ARCHIVE
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.marketdata.sources.download import Downloader

ADDRESS = "/content/fo/fo_mktlots.csv"
RENEWED = timedelta(days=7)
"""Age of the newest stored list from which a new list is fetched."""


def is_due(folder: Path, today: date) -> bool:
    """Return whether no list is stored or the newest one is RENEWED or older."""
    if not (folder / ARCHIVE).exists():
        return True
    with database_errors(folder / ARCHIVE), contextlib.closing(read_archive(folder)) as archive:
        newest = archive.execute("SELECT max(dated) FROM underlyings").fetchone()[0]
    return newest is None or date.fromisoformat(newest) <= today - RENEWED


def fetch_lots(
    base: str, downloader: Downloader, folder: Path, table: SessionTable, report: FetchReport, *, at: datetime
) -> None:
    """Fetch and import the list, and add the result to the report. Raises SourceUnavailable.

    A missing or invalid list is reported, and the fetch goes on. Without a list, the stricter trading hours apply."""
    content = downloader.get(base + ADDRESS)
    name = f"fo_mktlots_{ist_date(at)}.csv"
    if content is None:
        report.missing.append(Missing(name, "NSE has no list of F&O lots at its usual address", pending=True))
        return
    with tempfile.TemporaryDirectory(prefix="tradectl-") as temporary:
        path = Path(temporary) / name
        path.write_bytes(content)
        try:
            kind = importer_for(read_source(path)).KIND
            if kind != underlyings.KIND:
                raise DataError(f"{name}: is not a list of F&O lots but {kind}")
            with contextlib.closing(Archive(folder)) as archive:
                report.files += import_files([path], archive, table, at=at).files
        except DataError as error:
            report.missing.append(Missing(name, str(error), pending=True))
