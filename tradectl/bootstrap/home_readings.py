"""Read what a home's ledger stores, for commands that open no world. Without a home these functions return the defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.bootstrap.ledger_databases import read_home_database
from tradectl.bootstrap.tariffs import with_tariff
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from tradectl.ledger.schedules import ScheduleRow
    from tradectl.ledger.store import Ledger
    from tradectl.settings import Settings
    from tradectl.strategy.parameters import Parameters

DEFAULT_USER = "me"
DEFAULT_CAPITAL = 1_000_000_00
"""Rs 10,00,000 in paise."""


def capital_of(settings: Settings) -> int:
    """Return the capital (paise) of the home's user; the default without a home."""
    home = home_ledger(settings)
    return home.users.get(home.user).capital if home is not None else DEFAULT_CAPITAL


def only_user(settings: Settings) -> str | None:
    """Return the only user of a home; None if there is no home yet. Raises UsageError if it has several users."""
    from tradectl.ledger.users import Users

    if not settings.has_ledger:
        return None
    database = read_home_database(settings)
    try:
        names = [item.user for item in Users(database).list()]
    finally:
        database.close()
    if len(names) > 1:
        raise UsageError(f"this database has the users {', '.join(names)}: choose one with --user NAME")
    return names[0] if names else None


def schedule_of(settings: Settings, user: str) -> dict[str, ScheduleRow]:
    """Return the schedule of a home's user, by task; empty without a home. Raises UsageError for an unknown user."""
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import Users

    if not settings.has_ledger:
        return {}
    database = read_home_database(settings)
    try:
        return {row.task: row for row in Ledger(database, Users(database).get(user).user).schedules.list()}
    finally:
        database.close()


def parameters_of(settings: Settings, changes: dict[str, str]) -> Parameters:
    """Return the settings of the home's user (the defaults without a home), with `changes` applied."""
    from tradectl.strategy.parameters import Parameters, with_changes

    home = home_ledger(settings)
    changed = (home.settings.list() if home is not None else {}) | changes
    # A table of charges from the command line of a backtest applies in a live home, too.
    account = home if "charges" not in changes else None
    return with_tariff(with_changes(Parameters(), changed), settings, account, changed)


def home_ledger(settings: Settings, *, upgrade: bool = True) -> Ledger | None:
    """Return the home's ledger for reading; None if there is no home yet. `upgrade`: False writes nothing."""
    from tradectl.ledger.store import Ledger
    from tradectl.ledger.users import Users

    if not settings.has_ledger:
        return None
    database = read_home_database(settings, upgrade=upgrade)
    names = [item.user for item in Users(database).list()]
    if not names:
        return None
    return Ledger(database, Users(database).get(settings.user or names[0]).user)
