"""Convert rows of the ledger to JSON values: money to rupees as text, moments to ISO text in IST, dates to ISO text."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, Table

from tradectl.ledger.types import Paise
from tradectl.model.moment import to_ist
from tradectl.model.money import to_rupees


def rows(
    connection: Connection, table: Table, query: Select[Any], leave_out: tuple[str, ...] = ("user",)
) -> list[dict[str, Any]]:
    """Return the rows of a query over one table, without the columns `leave_out`. The type of a column decides its format."""
    money = {column.name for column in table.columns if isinstance(column.type, Paise)}
    return [
        {name: value(item, money=name in money) for name, item in row.items() if name not in leave_out}
        for row in connection.execute(query).mappings()
    ]


def value(item: Any, *, money: bool = False) -> Any:
    """Return one value as JSON. With `money`, an integer is paise and becomes rupees."""
    if money and isinstance(item, int):
        return to_rupees(item)
    if isinstance(item, datetime):
        return to_ist(item).isoformat()
    return item.isoformat() if isinstance(item, date) else item
