"""Copy everything that a home needs to be restored, while it trades (`backup`)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl import __version__
from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.clock import SystemClock, stopwatch
from tradectl.errors import DatabaseError, UsageError
from tradectl.settings import FAIR_VALUES, TAX_ACTIONS

if TYPE_CHECKING:
    from tradectl.ledger.backup import Backup
    from tradectl.ledger.engine import Database
    from tradectl.settings import Settings

app = typer.Typer()


@command(app, panel=OPERATE)
def backup(
    invocation: Invocation,
    folder: Annotated[str, typer.Argument(help="Folder of the backups; default: backups in the home.", metavar="[FOLDER]")] = "",
    keep: Annotated[int | None, typer.Option(help="Then remove all but the newest N backups.", metavar="N", min=1)] = None,
    no_ledger: Annotated[
        bool, typer.Option("--no-ledger", help="Leave out a ledger on PostgreSQL, which pg_dump copies (run it first).")
    ] = False,
) -> Answer:
    """Copy the ledger, the paper exchange and the home's settings into a new folder, while trading goes on."""
    from tradectl.ledger.backup import back_up, keep_newest
    from tradectl.ledger.migrations import revision
    from tradectl.ledger.opening import open_database
    from tradectl.ledger.store import Info
    from tradectl.report.held_positions import LAST_BACKUP

    began, settings = stopwatch(), invocation.required_settings()
    target = Path(folder).expanduser().absolute() if folder else settings.home / "backups"
    database = open_database(settings.database)
    _check_options(database, target, no_ledger=no_ledger)
    form, known = revision(database), Info(database)
    if form is None or (mode := known.get("mode")) is None:
        raise UsageError(f"{database.name} is empty: there is nothing to back up")
    invocation.mode = mode
    made_at = _moment(settings, known.get("clock"), known.get("last_event_at"))
    made = back_up(
        target,
        made_at,
        ledger=None if no_ledger else database,
        exchange=settings.paper if mode == "paper" and settings.paper.exists() else None,
        files={
            "tradectl.toml": settings.home / "tradectl.toml",
            "sessions.csv": settings.sessions,
            FAIR_VALUES: settings.home / FAIR_VALUES,
            TAX_ACTIONS: settings.home / TAX_ACTIONS,
            "secret.key": settings.secret_key,
        },
        about={"tradectl": __version__, "schema": form, "mode": mode, "home": str(settings.home)},
    )
    with suppress(DatabaseError):  # the copy is complete, and `status` alone reads this
        known.set(LAST_BACKUP, made_at.isoformat())
    database.close()
    removed = [str(path) for path in keep_newest(target, keep, made.folder)] if keep else []
    left_out = {"market": {"path": str(settings.market), "bytes": _size(settings.market)}}
    found = _result(made) | {"left_out": left_out, "removed": removed, "seconds": round(stopwatch() - began, 3)}
    return Answer(found, lambda: _text(found))


def _check_options(database: Database, target: Path, *, no_ledger: bool) -> None:
    """Raise UsageError if there is nothing to copy, if pg_dump must copy it, or if the target is no folder."""
    if not database.sqlite and not no_ledger:
        raise UsageError("the ledger is on PostgreSQL: copy it with pg_dump, then the rest with `tradectl backup --no-ledger`")
    if database.sqlite and no_ledger:
        raise UsageError(f"--no-ledger is for a ledger on PostgreSQL, and this one is a file: {database.name}")
    if database.sqlite and not Path(database.name).exists():
        raise UsageError(f"there is no ledger {database.name}: nothing to back up")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is not a folder")


def _moment(settings: Settings, clock: str | None, last: str | None) -> datetime:
    """Return the moment that names a backup, by the clock of its home.

    No world is opened: that would migrate an older ledger, and a backup should precede a migration."""
    from tradectl.bootstrap import before_the_last_event

    if clock == "virtual":
        if settings.at is None:
            raise UsageError(f"{settings.home} has a virtual clock: give the moment with --at 'YYYY-MM-DD HH:MM'")
        if last is not None and settings.at < (ended := datetime.fromisoformat(last)):
            raise UsageError(before_the_last_event(settings.at, ended))
        return settings.at
    if settings.at is not None:
        raise UsageError(f"{settings.home} uses the machine's clock: run backup without --at")
    return SystemClock().now()


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder; 0 without files. A running import may remove a file meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _result(made: Backup) -> dict[str, Any]:
    files = [{"name": copy.name, "from": str(copy.origin), "bytes": copy.size, "sha256": copy.sha256} for copy in made.files]
    return {"folder": str(made.folder), "files": files}


def _text(found: dict[str, Any]) -> str:
    rows = [(item["name"], f"{item['bytes']:,}", item["from"]) for item in found["files"]]
    market = found["left_out"]["market"]
    lines = [
        f"{found['folder']}, in {found['seconds']:.1f} s",
        output.table(("file", ">bytes", "from"), rows),
        f"left out: market data, {market['bytes']:,} bytes in {market['path']}, which can be imported again",
    ]
    if any(item["name"] == "secret.key" for item in found["files"]):
        lines.append("secret.key opens the secrets in the ledger: keep this folder (mode 0700) as safe as the home")
    lines += [f"removed: {path}" for path in found["removed"]]
    return "\n".join(lines)
