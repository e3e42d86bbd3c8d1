"""Write a recorded session and its market data to one file without secrets or names, and open such a file again.

A bundle is a zip archive: `record.json`, the recording of live prices and replies if there is one, the archive of market data up
to the session, and the home's own sessions and charges.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tradectl.bootstrap.recorded_sessions import PastSession, recording_lines
from tradectl.brokers.recording.file import lines_of, sealed
from tradectl.brokers.recording.numbers import Numbers, without_numbers
from tradectl.brokers.recording.reading import recording_of
from tradectl.errors import UsageError
from tradectl.ledger.arming import ARMED
from tradectl.ledger.recorded_session import RecordedSession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradectl.ledger.past_state import Row
    from tradectl.settings import Settings

RECORD, ARCHIVE, SESSIONS, CHARGES = "record.json", "archive.db", "sessions.csv", "charges.csv"
RECORDING, EVENING, GAPS = "recording.jsonl", "evening.json", "gaps.json"
"""The recording, the record of the evening after a gap of it, and what it lacks."""
_EMPTY: Mapping[str, Mapping[str, Any]] = {
    "users": {"state_reason": ""},
    "task_executions": {"owner": None, "error": ""},
    "orders": {"sender": None},
    "buy_approvals": {"decided_by": ""},
    "outbox": {"picture": "", "error": ""},
}
"""Columns with names of people or machines, and what a bundle has instead."""
_NUMBERS = {"orders": "broker_order_id", "fills": "trade_id"}
"""Columns with numbers of the broker, which may contain the name of the account."""
_TEXTS = {"orders": ("reason",), "decisions": ("reason",), "outbox": ("title", "body", "deduplicate")}
"""Columns with texts that may contain numbers of the broker, or names of users."""
_LONG_NAME = 3
"""The length of the shortest user name that is replaced in texts: a shorter one may be a word."""
_KEPT_FACTS = ("mode", "clock", "created_at")


def write_bundle(settings: Settings, past: PastSession, file: Path) -> int:
    """Write a bundle, readable by its owner only; return its size in bytes. Raises OSError."""
    recorded = past.first
    with TemporaryDirectory(prefix="tradectl-bundle-") as folder:
        archive = Path(folder) / ARCHIVE
        _copy_archive(settings.market / ARCHIVE, archive, recorded.session)
        numbers = _numbers(past)
        part = Path(folder) / "bundle.zip"
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(RECORD, json.dumps(without_names(recorded, numbers).as_json(), sort_keys=True))
            bundle.writestr(GAPS, json.dumps({"until": past.until.isoformat() if past.until else None, "gaps": past.gaps}))
            if past.recording is not None:
                lines = without_numbers(recording_lines(settings, past), numbers)
                bundle.writestr(RECORDING, b"".join(map(sealed, lines)))
            if past.recorded is not None and past.evening is not None:
                bundle.writestr(EVENING, json.dumps(without_names(past.evening, numbers).as_json(), sort_keys=True))
            bundle.write(archive, ARCHIVE)
            for name, own in ((SESSIONS, settings.sessions), (CHARGES, settings.charges)):
                if own.exists():
                    bundle.write(own, name)
        part.chmod(0o600)
        shutil.copy(part, file)
    return file.stat().st_size


def open_bundle(settings: Settings, file: Path, folder: Path) -> tuple[Settings, PastSession]:
    """Unpack a bundle into `folder`; return the settings that name its files, and the session.

    Raises UsageError if the file is not a bundle.
    """
    try:
        with zipfile.ZipFile(file) as bundle:
            names = (RECORD, ARCHIVE, SESSIONS, CHARGES, RECORDING, EVENING, GAPS)
            known = [name for name in names if name in bundle.namelist()]
            (folder / "market").mkdir()
            for name in known:  # no other name of the file is unpacked
                target = folder / "market" / name if name == ARCHIVE else folder / name
                target.write_bytes(bundle.read(name))
        past = _unpacked(folder, known)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{file} is not a bundle of `tradectl replay --bundle`, or it is damaged") from error
    found = replace(settings, home=folder, market=folder / "market", sessions=folder / SESSIONS, charges_file=CHARGES)
    return replace(found, quotes="", user=None), past


def _unpacked(folder: Path, known: Sequence[str]) -> PastSession:
    """Return the session of an unpacked bundle. A bundle of an earlier version has the record alone."""

    def record(name: str) -> RecordedSession:
        return RecordedSession.from_json(json.loads((folder / name).read_text(encoding="utf-8")))

    about = json.loads((folder / GAPS).read_text(encoding="utf-8")) if GAPS in known else {"until": None, "gaps": []}
    return PastSession(
        record(RECORD),
        recording_of(lines_of(folder / RECORDING)) if RECORDING in known else None,
        record(EVENING) if EVENING in known else None,
        datetime.fromisoformat(about["until"]) if about["until"] else None,
        tuple(about["gaps"]),
    )


def _numbers(past: PastSession) -> Numbers:
    """Return the new numbers of the broker's orders and trades: those of the ledger's rows."""
    found: dict[str, dict[str, str]] = {"orders": {}, "fills": {}}
    for part in filter(None, (past.recorded, past.evening)):
        for tables in (part.before, part.results):
            for table, column in _NUMBERS.items():
                rows = tables.get(table, ())
                found[table] |= {row[column]: f"{table}-{row['id']}" for row in rows if row[column] is not None}
    return Numbers(found["orders"], found["fills"])


def without_names(recorded: RecordedSession, numbers: Numbers) -> RecordedSession:
    """Return a record in which users are numbered, and without machines, processes, free texts of people and notifications."""
    names = [recorded.user, *(row["user"] for row in recorded.before.get("users", ()) if row["user"] != recorded.user)]
    numbered = {name: f"user{number}" for number, name in enumerate(names, 1)}

    def named(text: str) -> str:
        return re.sub(r"\w+", lambda word: numbered.get(word[0], word[0]) if len(word[0]) >= _LONG_NAME else word[0], text)

    def clean(table: str, row: Row) -> Row:
        found = dict(row) | {name: value for name, value in _EMPTY.get(table, {}).items() if name in row}
        number = _NUMBERS.get(table)
        if number is not None and found[number] is not None:
            found[number] = f"{table}-{found['id']}"
        if "user" in found:
            found["user"] = numbered[found["user"]]
        if table == "database_info" and found["key"].startswith(ARMED):
            found["key"] = f"{ARMED}{numbered.get(found['key'].removeprefix(ARMED), 'other')}"
        for column in _TEXTS.get(table, ()):
            found[column] = named(numbers.text(found[column] or ""))
        if table == "user_trading_config" and found["key"] == "signals_from" and found["value"]:
            found["value"] = numbered.get(found["value"], "")
        return found

    def kept(table: str, row: Row) -> bool:
        if table == "database_info":
            return row["key"] in _KEPT_FACTS or row["key"].startswith(ARMED)
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
