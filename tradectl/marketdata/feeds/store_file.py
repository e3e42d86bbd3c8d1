"""Check a downloaded file by its content and import it, like a file that a person imports."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.importers.registry import importer_for
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.imports import Fetched, import_files

if TYPE_CHECKING:
    import pandas as pd

    from tradectl.exchange.sessions import SessionTable

NSE = "NSE"
"""The source of a record of data that were fetched from the exchange."""
LOST = 2
"""A list with less than one in so many of the stored rows is rejected: the site may have sent a part of it."""
FEW = 20
"""A stored list with fewer rows proves nothing about the next one."""


class StoreFile(Struct, frozen=True):
    """Where the files of a feed are stored. `machine_now` stamps them."""

    folder: Path
    sessions: SessionTable
    machine_now: Callable[[], datetime]

    def put(
        self,
        name: str,
        content: bytes,
        kinds: set[str],
        *,
        records: dict[str, date] | None = None,
        check: Callable[[pd.DataFrame], None] | None = None,
    ) -> int:
        """Import a file and return how many of its rows are new or changed.

        Args:
            kinds: The importers that may read it.
            records: The kinds of data that are complete now, each with its date.
            check: Raises DataError for rows that must not be stored.

        Raises DataError for another or a damaged file; then nothing is stored.
        """
        with tempfile.TemporaryDirectory(prefix="tradectl-") as temporary:
            path = Path(temporary) / name
            path.write_bytes(content)
            found = read_source(path)
            importer = importer_for(found)
            if importer.KIND not in kinds:
                raise DataError(f"{name}: is {importer.KIND}, not {' or '.join(sorted(kinds))}")
            if check is not None:
                check(importer.parse(found).frame)
            with contextlib.closing(Archive(self.folder)) as archive:
                fetched = Fetched(tuple((records or {}).items()), NSE)
                (report,) = import_files([path], archive, self.sessions, at=self.machine_now(), fetched=fetched).files
        return report.merged.new + report.merged.replaced + report.merged.removed

    def record(self, kind: str, as_of: date, source: str = NSE) -> None:
        """Record that the data of a kind are complete up to a date."""
        with contextlib.closing(Archive(self.folder)) as archive, archive.transaction():
            archive.record_freshness(kind, as_of, self.machine_now(), source)

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a query on the archive, which is made where it is missing."""
        with contextlib.closing(Archive(self.folder)) as archive:
            return [tuple(row) for row in archive.db.execute(query, parameters).fetchall()]


def refuse_shrunken(name: str, now: int, before: int) -> None:
    """Raise DataError where a list has less than half of the rows that are stored: the site may have sent a part of it."""
    if before >= FEW and now * LOST < before:
        raise DataError(
            f"{name}: has {now} rows and the stored list {before}: it may be a part of the file. Nothing of it was stored; "
            "compare it with NSE's own page, then import it by hand"
        )
