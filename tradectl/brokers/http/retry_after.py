"""How long a server asks us to wait before the next request: `Retry-After`, so many seconds or a date (RFC 9110, 10.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_wait(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds; 0 where nothing is asked, or nothing that can be read. A date is counted from the server's own (`Date`), so that
    a clock of ours that is wrong does no harm; without that from `now`."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until = _moment(text)
    if until is None:
        return 0.0
    return max(0.0, (until - (_moment(headers.get("Date", "")) or now)).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, LookupError, ArithmeticError):  # also a zone or a year outside the calendar
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
