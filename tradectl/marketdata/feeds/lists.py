"""Files that NSE replaces each day under one address: symbol changes, the list of securities, the members of an index.

None has a date inside, so such a list is as of the last session that had ended when it was fetched. A list with less than half of
the stored rows is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.errors import DataError
from tradectl.marketdata.feeds.store_file import StoreFile, refuse_shrunken
from tradectl.marketdata.importers import equity_list, index_list, symbol_change
from tradectl.model.freshness import MEMBERS, RENAMES, SECURITIES, Freshness
from tradectl.ports import Brought, FeedRequest

if TYPE_CHECKING:
    import pandas as pd

    from tradectl.marketdata.sources.download import Downloader

WEEK = 5
"""Sessions that a list may be old before that is a finding: these lists change a few times a month."""
_INDEX = re.compile(r"nifty[a-z0-9_&-]*")
_SIZE = re.compile(r"(\d+)$")
_COMPLETE = 0.9
"""The share of its nominal members that an index list has at least: a few are missing around a change."""


class ListFile(Struct, frozen=True):
    """A file under a fixed address. `importer`: the only importer that may read it; `count`: the query of its stored rows."""

    kind: str
    title: str
    address: str
    importer: str
    count: tuple[str, ...]
    meaning: str


SYMBOL_CHANGES = ListFile(
    RENAMES,
    "symbol changes",
    "/content/equities/symbolchange.csv",
    symbol_change.KIND,
    ("SELECT count(*) FROM renames",),
    "a share that was renamed since then loses its history and is not bought; a held one is found by its old name only",
)
SECURITY_LIST = ListFile(
    SECURITIES,
    "list of securities",
    "/content/equities/EQUITY_L.csv",
    equity_list.KIND,
    ("SELECT count(*) FROM securities",),
    "ISINs of shares listed since then are not known, so the broker's holdings of them cannot be matched",
)


def index_members(universe: str) -> ListFile | None:
    """Return the list of an index by the name of the universe, such as `nifty200`; None for another kind of universe."""
    name = universe.lower()
    if not _INDEX.fullmatch(name):
        return None
    return ListFile(
        f"{MEMBERS}{name}",
        f"members of {name}",
        f"/content/indices/ind_{name}list.csv",
        index_list.KIND,
        ("SELECT count(*) FROM lists WHERE list = ?", name),
        "analyze scans the stored members: shares that joined the index are not bought, shares that left it are",
    )


class ListFeed:
    """`base`: the address of NSE's files."""

    tolerance = WEEK

    def __init__(
        self, file: ListFile, store: StoreFile, base: str, downloader: Callable[[Callable[[], None]], Downloader]
    ) -> None:
        self._file, self._store, self._base, self._downloader = file, store, base, downloader
        self.kind, self.title, self.meaning = file.kind, file.title, file.meaning
        self.remedy = f"Download {base}{file.address} in a browser and `tradectl data import FILE`"

    def is_due(self, known: Freshness | None, through: date) -> bool:
        return known is None or known.as_of < through

    def bring(self, request: FeedRequest) -> Iterator[Brought]:
        """Fetch and store the file. Raises SourceUnavailable, DataError."""
        name = self._file.address.rpartition("/")[2]
        content = self._downloader(request.look).get(self._base + self._file.address)
        if content is None:
            raise DataError(f"NSE has no file {self._file.address}")
        records = {self.kind: request.through}
        yield Brought(request.through, self._store.put(name, content, {self._file.importer}, records=records, check=self._check))

    def _check(self, frame: pd.DataFrame) -> None:
        name = self._file.address.rpartition("/")[2]
        query, *parameters = self._file.count
        refuse_shrunken(name, len(frame), int(str(self._store.rows(query, *parameters)[0][0])))
        size = _SIZE.search(self.kind) if self.kind.startswith(MEMBERS) else None
        if size and len(frame) < _COMPLETE * int(size.group(1)):
            raise DataError(f"{name}: has {len(frame)} of {size.group(1)} members: the file may be cut. Nothing was stored")
