"""A page after a new list of renames: it shows the account, and no request changes a file."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.integration.dashboard.conftest import LedgerHome, Serving


def hashes(folder: Path) -> dict[str, str]:
    """The bytes of the ledger and of the exchange, without the shared memory that a reader of SQLite writes."""
    files = [*folder.glob("*.db"), *folder.glob("*.db-wal")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.stat().st_size}


def test_a_request_after_a_rename_writes_no_file(ledger_home: LedgerHome, serve: Callable[..., Serving], tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(ledger_home.folder, home)
    own = LedgerHome(home, ledger_home.session)
    own.place_order("OLDCO")
    settings = (home / "tradectl.toml").read_text(encoding="utf-8")
    market = Path(settings.split('market = "')[1].split('"')[0])
    shutil.copytree(market, tmp_path / "market")
    (home / "tradectl.toml").write_text(settings.replace(str(market), str(tmp_path / "market")), encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "market" / "archive.db")) as archive, archive:
        line = "INSERT INTO renames (old, dated, new, company, file) VALUES ('OLDCO', ?, 'NEWCO', '', 1)"
        archive.execute(line, (own.session.isoformat(),))
    before = hashes(home)
    page = serve(home, at=own.at)
    assert "ledger.db" in before
    replies = [page.get(path) for path in ("/", "/orders", "/positions", "/report?session=last")]
    assert [reply.status for reply in replies[:2]] == [200, 200]
    assert b"OLDCO" in replies[1].body
    assert hashes(home) == before
