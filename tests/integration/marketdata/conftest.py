"""Small invented files, and an archive to import them into."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.imports import ImportReport, import_files
from tradectl.marketdata.store import Store

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAILY = "date,symbol,series,open,high,low,close,volume\n"
ACTIONS = "symbol,series,ex_date,subject\n"
RENAMES = "company,old,new,date\n"


def bars(symbol: str, closes: dict[str, float]) -> str:
    """Lines of a daily file, each bar all one price."""
    return "".join(f"{day},{symbol},EQ,{close:.2f},{close:.2f},{close:.2f},{close:.2f},100\n" for day, close in closes.items())


@dataclass
class Market:
    """A market folder under test: `files` is where its small files are written."""

    folder: Path
    files: Path
    sessions: SessionTable
    archive: Archive

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.files / name
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(content, str) else data)
        return path

    def take(self, name: str, content: str | bytes, **options: bool) -> ImportReport:
        return self.take_files(self.write(name, content), **options)

    def take_files(self, *paths: Path, **options: bool) -> ImportReport:
        return import_files(paths, self.archive, self.sessions, at=AT, **options)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self.archive.db.execute(query).fetchall()

    def store(self) -> Store:
        return Store(self.folder, self.sessions)


@pytest.fixture
def market(tmp_path: Path, sessions: SessionTable) -> Iterator[Market]:
    files = tmp_path / "files"
    files.mkdir()
    archive = Archive(tmp_path / "market")
    yield Market(tmp_path / "market", files, sessions, archive)
    archive.close()


@pytest.fixture
def take(market: Market) -> Callable[..., ImportReport]:
    return market.take
