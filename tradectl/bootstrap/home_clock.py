"""Choose the clock of a home.

A home with a virtual clock (`--at`) runs past sessions and needs `--at` in every command. A home with the machine's clock rejects
`--at` after its first event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tradectl.clock import SystemClock, VirtualClock
from tradectl.errors import ConfigurationError, UsageError
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger
    from tradectl.settings import Settings

FARTHEST = timedelta(days=366)
"""How far a command may move a virtual clock. A mistyped year would record years of missed slots, which nothing takes back."""


def clock_of(settings: Settings, ledger: Ledger, *, past: bool, read_only: bool) -> SystemClock | VirtualClock:
    """Return the clock of a home. The first `--at` of a home without events makes its clock virtual, except with `read_only`.

    Args:
        past: Allow a moment before the home's last event.

    Raises:
        UsageError: `--at` does not fit the home's clock, or is before its last event or far after it.
        ConfigurationError: `--at` was given for a live home.
    """
    kind = ledger.info.get("clock")
    if settings.at is not None and ledger.info.get("mode") == "live":
        raise ConfigurationError("a live home uses the machine's clock: leave --at out")
    if settings.at is None:
        if kind == "virtual":
            raise UsageError(f"{settings.home} has a virtual clock: add --at 'YYYY-MM-DD HH:MM'")
        return SystemClock()
    last = ledger.info.get("last_event_at")
    if kind != "virtual":
        if last is not None or ledger.executions.last_session() is not None:
            raise UsageError(f"{settings.home} uses the machine's clock: --at needs a separate home (--home)")
        if not read_only:
            ledger.info.set("clock", "virtual")
            ledger.users.begin_by(settings.at)
    if last is not None:
        ended = datetime.fromisoformat(last)
        if settings.at < ended and not past:
            raise UsageError(before_the_last_event(settings.at, ended))
        if settings.at - ended > FARTHEST and not read_only:
            passed = f"{(settings.at - ended).days} days after this home's last event, {to_ist(ended):%Y-%m-%d %H:%M}"
            raise UsageError(f"{to_ist(settings.at):%Y-%m-%d %H:%M} is {passed}: check the year, or begin a new home")
    return VirtualClock(settings.at)


def before_the_last_event(at: datetime, last: datetime) -> str:
    """Return the error message for a moment before the last event of a home with a virtual clock."""
    return f"{to_ist(at):%Y-%m-%d %H:%M} is before this home's last event, {to_ist(last):%Y-%m-%d %H:%M:%S}: use a later --at"
