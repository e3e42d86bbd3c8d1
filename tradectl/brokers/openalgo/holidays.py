"""Read a year's trading holidays from an OpenAlgo server.

A person enters the server's list by hand for each year; no broker confirms it. The list of a year without an entry is empty.

Source: openalgo's documentation of market/holidays (`year`; `date`, `description`, `holiday_type`, `closed_exchanges`,
`open_exchanges`) and database/market_calendar_db.py.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from tradectl.brokers.openalgo.api import OpenAlgoReads
from tradectl.brokers.openalgo.rows import EXCHANGE
from tradectl.errors import BrokerUnavailable
from tradectl.exchange.holiday_list import HolidayList, whole_year

PATH = "market/holidays"
SPECIAL = "SPECIAL_SESSION"
MUHURAT = "Muhurat trading"


def holidays(reads: OpenAlgoReads, year: int) -> HolidayList:
    """Return the dates of a year on which NSE is closed, and its Muhurat session.

    Raises DataError for less than a whole year, BrokerUnavailable for a reply that cannot be read."""
    return whole_year(reads.read(PATH, lambda content: _days(content, year), year=year), "OpenAlgo's holiday list", year)


def _days(content: Any, year: int) -> dict[date, str]:
    """Return the dates with their names. Raises BrokerUnavailable for another year."""
    found = {}
    for row in content["data"]:
        day, name = date.fromisoformat(row["date"]), " ".join(str(row["description"]).split())
        if day.year != year:
            raise BrokerUnavailable(f"OpenAlgo's reply to {PATH} cannot be read: {day} in the list of {year}")
        trades = any(item["exchange"] == EXCHANGE for item in row["open_exchanges"])
        if row["holiday_type"] == SPECIAL and trades:
            found[day] = f"{name} ({MUHURAT})"
        elif EXCHANGE in row["closed_exchanges"]:
            found[day] = name
    return found
