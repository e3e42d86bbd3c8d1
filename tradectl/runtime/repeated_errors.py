"""Find the errors that `run-due -q` has not printed yet: cron mails each line, and a task that fails is tried every few minutes.

An error is the same as an earlier one if task, slot and text agree, figures aside. Each is printed once a day. An order of
unknown outcome and a position without a live sell are printed again each hour.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from tradectl.errors import DatabaseError
from tradectl.model.moment import ist_date
from tradectl.runtime.outcomes import gravity

if TYPE_CHECKING:
    from tradectl.runtime.outcomes import Report
    from tradectl.world import World

AGAIN = timedelta(hours=1)
GRAVE = frozenset({7, 11})
"""Exit codes whose errors are printed again: an outcome is unknown; an order was refused or a position has no sell."""
_FIGURE = re.compile(r"\d+")


def new_errors(world: World, reports: Iterable[Report]) -> tuple[str, ...]:
    """Return the errors that are due to be printed, and store that they were. If the ledger fails, return all errors."""
    failed = errors_of(reports)
    if not failed:
        return ()
    now, key = world.clock.now(), f"printed.{world.user}"[:64]
    try:
        known = _load(world.ledger.info.get(key), ist_date(now))
        found = [report for report in failed if _is_due(report, known.get(_key_of(report)), now)]
        if found:
            printed = {**known, **{_key_of(report): now for report in found}}
            world.ledger.info.set(key, json.dumps({name: at.isoformat() for name, at in printed.items()}))
    except DatabaseError:
        found = failed
    return tuple(dict.fromkeys(report.error_line for report in found))


def errors_of(reports: Iterable[Report]) -> list[Report]:
    """Return the reports with an error, the gravest first, without those that another task's reported failure caused."""
    failed = sorted((report for report in reports if report.exit_code and report.error), key=gravity, reverse=True)
    return [report for report in failed if not report.caused_by]


def _is_due(report: Report, printed_at: datetime | None, now: datetime) -> bool:
    if printed_at is None or printed_at > now:
        return True
    return report.exit_code in GRAVE and now - printed_at >= AGAIN


def _key_of(report: Report) -> str:
    text = f"{report.task} {report.slot} {report.exit_code} {_FIGURE.sub('#', report.error)}"
    return sha256(text.encode()).hexdigest()[:12]


def _load(text: str | None, today: date) -> Mapping[str, datetime]:
    """Return when each error of today was printed, by its key."""
    found = {name: datetime.fromisoformat(at) for name, at in json.loads(text or "{}").items()}
    return {name: at for name, at in found.items() if ist_date(at) == today}
