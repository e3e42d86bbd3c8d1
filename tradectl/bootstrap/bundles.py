"""Write a recorded session and its market data to one file without secrets or names, and open such a file again.

A bundle is a zip archive: `record.json`, the archive of market data up to the session, and the home's own sessions and charges.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tradectl.errors import UsageError
from tradectl.ledger.recorded_session import RecordedSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradectl.ledger.past_state import Row
    from tradectl.settings import Settings

RECORD, ARCHIVE, SESSIONS, CHARGES = "record.json", "archive.db", "sessions.csv", "charges.csv"
_EMPTY: Mapping[str, Mapping[str, Any]] = {
    "users": {"state_reason": ""},
    "task_executions": {"owner": None, "error": ""},
    "orders": {"sender": None},
    "buy_approvals": {"decided_by": ""},
}
"""Columns with names of people or machines, and what a bundle has instead."""
_NUMBERS = {"orders": "broker_order_id", "fills": "trade_id"}
"""Columns with numbers of the broker, which may contain the name of the account."""
_KEPT_FACTS = ("mode", "clock", "created_at")


def write_bundle(settings: Settings, recorded: RecordedSession, file: Path) -> int:
    """Write a bundle, readable by its owner only; return its size in bytes. Raises OSError."""
    with TemporaryDirectory(prefix="tradectl-bundle-") as folder:
        archive = Path(folder) / ARCHIVE
        _copy_archive(settings.market / ARCHIVE, archive, recorded.session)
        part = Path(folder) / "bundle.zip"
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(RECORD, json.dumps(without_names(recorded).as_json(), sort_keys=True))
            bundle.write(archive, ARCHIVE)
            for name, own in ((SESSIONS, settings.sessions), (CHARGES, settings.charges)):
                if own.exists():
                    bundle.write(own, name)
        part.chmod(0o600)
        shutil.copy(part, file)
    return file.stat().st_size


def open_bundle(settings: Settings, file: Path, folder: Path) -> tuple[Settings, RecordedSession]:
    """Unpack a bundle into `folder`; return the settings that name its files, and the record.

    Raises UsageError if the file is not a bundle.
    """
    try:
        with zipfile.ZipFile(file) as bundle:
            known = [name for name in (RECORD, ARCHIVE, SESSIONS, CHARGES) if name in bundle.namelist()]
            (folder / "market").mkdir()
            for name in known:  # no other name of the file is unpacked
                target = folder / "market" / name if name == ARCHIVE else folder / name
                target.write_bytes(bundle.read(name))
        recorded = RecordedSession.from_json(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file} is not a bundle of `tradectl replay --bundle`, or it is damaged") from error
    found = replace(settings, home=folder, market=folder / "market", sessions=folder / SESSIONS, charges_file=CHARGES)
    return replace(found, quotes="", user=None), recorded


def without_names(recorded: RecordedSession) -> RecordedSession:
    """Return a record in which users are numbered, and without machines, processes, free texts of people and notifications."""
    names = [recorded.user, *(row["user"] for row in recorded.before.get("users", ()) if row["user"] != recorded.user)]
    numbered = {name: f"user{number}" for number, name in enumerate(names, 1)}

    def clean(table: str, row: Row) -> Row:
        found = dict(row) | {name: value for name, value in _EMPTY.get(table, {}).items() if name in row}
        number = _NUMBERS.get(table)
        if number is not None and found[number] is not None:
            found[number] = f"{table}-{found['id']}"
        if "user" in found:
            found["user"] = numbered[found["user"]]
        if table == "user_trading_config" and found["key"] == "signals_from" and found["value"]:
            found["value"] = numbered.get(found["value"], "")
        return found

    def kept(table: str, row: Row) -> bool:
        if table == "database_info":
            return row["key"] in _KEPT_FACTS
        return not (table == "user_trading_config" and row["key"].startswith("notify."))

    def cleaned(tables: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
        return {name: [clean(name, row) for row in rows if kept(name, row)] for name, rows in tables.items()}

    return replace(
        recorded,
        user=numbered[recorded.user],
        before=cleaned(recorded.before),
        changes=tuple((at, table, clean(table, row)) for at, table, row in recorded.changes if kept(table, row)),
        results=cleaned(recorded.results),
    )


def _copy_archive(source: Path, target: Path, session: str) -> None:
    """Copy the market data up to a session, the minutes of this session only, without file paths and notes."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as file,
        closing(sqlite3.connect(target)) as copy,
    ):
        file.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("DELETE FROM bars WHERE session > ?", [session])
        copy.execute("DELETE FROM minutes WHERE session <> ?", [session])
        copy.execute("UPDATE files SET name = 'file ' || id")
        copy.execute("UPDATE action_decisions SET note = ''")
        copy.commit()
        copy.execute("VACUUM")
