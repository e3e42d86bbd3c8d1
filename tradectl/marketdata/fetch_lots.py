"""NSE's list of the shares that have derivatives, with their lots: one small file, always the one of today."""

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
"""How old the newest list may be before another one is fetched."""


def is_due(folder: Path, today: date) -> bool:
    """Return whether the newest stored list is missing or old."""
    if not (folder / ARCHIVE).exists():
        return True
    with database_errors(folder / ARCHIVE), contextlib.closing(read_archive(folder)) as archive:
        newest = archive.execute("SELECT max(dated) FROM underlyings").fetchone()[0]
    return newest is None or date.fromisoformat(newest) <= today - RENEWED


def fetch_lots(
    base: str, downloader: Downloader, folder: Path, table: SessionTable, report: FetchReport, *, at: datetime
) -> None:
    """Fetch and import the list into the report. A list that does not come, or is none, is named there and ends nothing: the
    shares whose kind is not known are traded by the stricter hours. Raises SourceUnavailable."""
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
                raise DataError(f"{name}: is no list of F&O lots but {kind}")
            with contextlib.closing(Archive(folder)) as archive:
                report.files += import_files([path], archive, table, at=at).files
        except DataError as error:
            report.missing.append(Missing(name, str(error), pending=True))
