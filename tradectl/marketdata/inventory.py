"""Count the content of an archive, for `data list`."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from msgspec import Struct

from tradectl.errors import DatabaseError
from tradectl.exchange.tables import FIRST
from tradectl.marketdata.panel.stored import UNSOUND, StoredPanel
from tradectl.marketdata.reading import Generation, newest_generation, read_archive


class DumpCount(Struct, frozen=True):
    """Represent one instrument dump or list of shares with derivatives. `dated`: ISO text; `instruments`: number of rows."""

    source: str
    dated: str
    instruments: int


class SurveillanceCount(Struct, frozen=True):
    """Represent the newest surveillance list of one measure.

    `dated`: ISO text. `securities`: number of entries. `lists`: number of stored lists of the measure."""

    measure: str
    dated: str
    securities: int
    lists: int


class PanelSummary(Struct, frozen=True):
    """Represent the panel store as last written. `current`: whether it was derived from the archive's current generation."""

    sessions: int
    instruments: int
    free_columns: int
    bars: int
    bytes: int
    current: bool


class Inventory(Struct, frozen=True):
    """Hold the counts of an archive.

    `symbols`: distinct symbols of the bars. `first_session` and `last_session`: ISO text, None without bars. `lists`: number
    of members by the name of the list."""

    bars: int
    provisional_bars: int
    symbols: int
    first_session: str | None
    last_session: str | None
    sessions: int
    derived_sessions: int
    """Sessions before the session table; only their bars show them."""
    lists: dict[str, int]
    securities: int
    actions: int
    renames: int
    minute_symbols: int
    minute_days: int
    dumps: tuple[DumpCount, ...]
    underlyings: tuple[DumpCount, ...]
    """Lists of the shares that have derivatives."""
    surveillance: tuple[SurveillanceCount, ...]
    files: int
    generation: int
    panel: PanelSummary | None
    """None if there is no panel store or it cannot be read; the next reader derives it."""


_NEWEST_WATCH = """
    SELECT measure, dated, (SELECT count(*) FROM surveillance AS own
                            WHERE own.measure = newest.measure AND own.dated = newest.dated AND own.symbol != ''), lists
    FROM (SELECT measure, max(dated) AS dated, count(DISTINCT dated) AS lists FROM surveillance GROUP BY measure) AS newest
    ORDER BY measure"""


def describe(folder: Path) -> Inventory:
    """Count the content of a folder's archive. Raises DataError without an archive, DatabaseError if it cannot be read."""
    with contextlib.closing(read_archive(folder)) as archive:
        try:
            return _counted(archive, _derived(folder, newest_generation(archive)))
        except sqlite3.Error as error:
            raise DatabaseError(f"{folder}: {error}") from error


def _counted(archive: sqlite3.Connection, panel: PanelSummary | None) -> Inventory:
    def number(query: str) -> int:
        return int(archive.execute(query).fetchone()[0])

    first, last = archive.execute("SELECT min(session), max(session) FROM bars").fetchone()
    dumps = archive.execute("SELECT source, dumped_on, count(*) FROM instruments GROUP BY 1, 2 ORDER BY 2, 1").fetchall()
    underlyings = archive.execute("SELECT source, dated, count(*) FROM underlyings GROUP BY 1, 2 ORDER BY 2, 1").fetchall()
    return Inventory(
        bars=number("SELECT count(*) FROM bars"),
        provisional_bars=number("SELECT count(*) FROM bars WHERE provisional"),
        symbols=number("SELECT count(DISTINCT symbol) FROM bars"),
        first_session=first,
        last_session=last,
        sessions=number("SELECT count(DISTINCT session) FROM bars"),
        derived_sessions=number(f"SELECT count(DISTINCT session) FROM bars WHERE session < '{FIRST.isoformat()}'"),
        lists=dict(archive.execute("SELECT list, count(*) FROM lists GROUP BY list ORDER BY list").fetchall()),
        securities=number("SELECT count(*) FROM securities"),
        actions=number("SELECT count(*) FROM actions"),
        renames=number("SELECT count(*) FROM renames"),
        minute_symbols=number("SELECT count(DISTINCT symbol) FROM minutes"),
        minute_days=number("SELECT count(*) FROM (SELECT DISTINCT symbol, session FROM minutes)"),
        dumps=tuple(DumpCount(*row) for row in dumps),
        underlyings=tuple(DumpCount(*row) for row in underlyings),
        surveillance=tuple(SurveillanceCount(*row) for row in archive.execute(_NEWEST_WATCH)),
        files=number("SELECT count(*) FROM files"),
        generation=number("SELECT value FROM meta WHERE key = 'generation'"),
        panel=panel,
    )


def _derived(folder: Path, archive: Generation) -> PanelSummary | None:
    try:
        store = StoredPanel(folder)
    except UNSOUND:
        return None
    return PanelSummary(
        sessions=len(store),
        instruments=len(store.index.instruments),
        free_columns=store.index.width - len(store.index.instruments),
        bars=store.bars(),
        bytes=sum(values.nbytes for values in store.fields.values()),
        current=store.index.archive == archive,
    )
