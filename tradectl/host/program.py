"""Build the command line that reaches a home, a user and a database from an empty environment, as cron and systemd start it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.settings import Settings

PROGRAM = "tradectl"
SQLITE = "sqlite:///"


def program_path() -> list[str]:
    """Return the path of this program: the console script, else the interpreter with the package."""
    called = Path(os.path.abspath(sys.argv[0]))
    beside = Path(sys.executable).with_name(PROGRAM)
    for script in (called, beside):
        if script.name == PROGRAM and script.is_file() and os.access(script, os.X_OK):
            return [str(script)]
    package = Path(__file__).resolve().parents[2]
    return ["env", f"PYTHONPATH={package}", sys.executable, "-m", PROGRAM]


def home_options(settings: Settings, user: str | None) -> list[str]:
    """Return `--home` and `--user`; only the first for a home that has no user yet."""
    return ["--home", str(settings.home), *(("--user", user) if user else ())]


def database_options(settings: Settings) -> tuple[list[str], list[str]]:
    """Return the option for a database that the home does not name, and notes. A password is left out."""
    if not settings.database_named:
        return [], []
    if settings.database.startswith(SQLITE):
        return ["--db", os.path.abspath(settings.database.removeprefix(SQLITE))], []
    from tradectl.ledger.opening import without_password

    url = without_password(settings.database)
    if url == settings.database:
        return ["--db", url], []
    note = (
        f"The password of {url} is not written here. Write the whole URL as `database` into {settings.home}/tradectl.toml "
        "(chmod 600) and leave --db and TRADECTL_DB out, or keep it in ~/.pgpass; else every line exits with 10."
    )
    return ["--db", url], [note]
