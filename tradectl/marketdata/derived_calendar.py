"""Check daily bars from before the session table: their dates count as sessions only because bars exist.

Research may use such bars as history. They are not traded, simulated or charged, because tradectl has no hours, holidays,
tick sizes and charges of those years.
"""

from __future__ import annotations

from datetime import date

from tradectl.marketdata.importers.columns import Parsed
from tradectl.marketdata.importers.source import SourceFile

FEWEST_ON_WEEKEND = 20
"""Number of shares with a bar from which a Saturday or Sunday counts as one of the exchange's rare weekend sessions."""
_SATURDAY = 5
_NATIONAL = {(1, 26): "Republic Day", (8, 15): "Independence Day", (10, 2): "Gandhi Jayanti"}
"""Month and day of the holidays that fall on the same date each year."""


def refuse_underivable(source: SourceFile, parsed: Parsed, day: date, first: date, wanted: bool) -> None:
    """Raise DataError for a `day` before `first`, the start of the session table, unless it is accepted as a session.

    `wanted`: the operator passed --derive-calendar. A national holiday, or a weekend with few bars, is never accepted."""
    rows = parsed.frame["session"] == day.isoformat()
    row = int(parsed.frame.index[rows][0])
    if not wanted:
        raise source.bad(
            row,
            f"{day} is before the session table, which begins on {first}. For research, --derive-calendar imports such daily "
            "bars; each date with bars then counts as a session",
        )
    holiday = _NATIONAL.get((day.month, day.day))
    if holiday:
        raise source.bad(row, f"{day} is not a session of the exchange ({holiday})")
    if day.weekday() >= _SATURDAY and int(rows.sum()) < FEWEST_ON_WEEKEND:
        raise source.bad(row, f"{day} is a {day:%A}; bars of fewer than {FEWEST_ON_WEEKEND} shares do not prove a session")
