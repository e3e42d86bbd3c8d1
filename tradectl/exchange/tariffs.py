"""Read the operator's tables of charges: for a broker that is not shipped, or for another plan of a shipped broker.

The CSV file has the columns `broker,since,item,part,side,value,unit,source` and one dated value in each row:

    my_broker,2018-01-01,brokerage,delivery,both,10000,rupees per crore,0.1 % by the tariff sheet of 2026-04
    my_broker,2018-01-01,brokerage_cap,delivery,both,20,rupees per order,
    my_broker,2018-01-01,brokerage,intraday,both,3000,rupees per crore,0.03 %
    my_broker,2018-01-01,dp,delivery,sell,20,rupees per symbol and day,without GST

Each broker needs brokerage for delivery and for intraday, and dp. The levies (STT, exchange, SEBI, stamp duty, GST) need no row:
the shipped levies apply unless a row sets them. A table with a shipped name replaces the shipped table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from tradectl.errors import ConfigurationError
from tradectl.exchange.rates import OWN_ITEMS, TITLES, Row, Tariff, levies, shipped
from tradectl.files import NotText, saved_text
from tradectl.model.money import to_paise

COLUMNS = ("broker", "since", "item", "part", "side", "value", "unit", "source")
UNITS = {
    "brokerage": "rupees per crore",
    "brokerage_least": "rupees per order",
    "brokerage_cap": "rupees per order",
    "brokerage_most": "rupees per crore",
    "dp": "rupees per symbol and day",
    "dp_share": "rupees per crore",
    "note": "rupees per contract note",
}
"""The unit of each item that a broker sets. `_checked` adds the units of the levies."""
NEEDED = (("brokerage", "delivery"), ("brokerage", "intraday"), ("dp", "delivery"))
MOST = 10_000_000
"""The highest value allowed: as rupees per crore it is 100 %."""


def read_tariffs(path: Path) -> dict[str, Tariff]:
    """Return every table, shipped or the operator's, by name. Raises ConfigurationError with the row and the column."""
    found = {name: shipped(name) for name in TITLES}
    return found | {name: Tariff(name, rows) for name, rows in _read(path).items()}


def named(path: Path, name: str) -> Tariff:
    """Return one table. Raises ConfigurationError for an unknown name."""
    tables = read_tariffs(path)
    if name not in tables:
        raise ConfigurationError(
            f"there is no table of charges {name!r}; the tables are {', '.join(tables)}. `tradectl broker tables` shows them; "
            f"add your own in {path} (`tradectl help charges`)"
        )
    return tables[name]


def _read(path: Path) -> Mapping[str, tuple[Row, ...]]:
    """Return the rows of the operator's file by broker, empty if there is no file. Raises ConfigurationError."""
    try:
        file = io.StringIO(saved_text(path.read_bytes()), newline="")
        lines = [(number, cells) for number, cells in enumerate(csv.reader(file), 1) if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        return {}
    except (OSError, NotText, csv.Error) as error:
        raise ConfigurationError(f"{path} cannot be read as a table of charges: {error}") from error
    if not lines or tuple(cell.strip().lower() for cell in lines[0][1]) != COLUMNS:
        raise ConfigurationError(f"{path}: the first line must be {','.join(COLUMNS)}")
    found: dict[str, list[Row]] = {}
    for number, cells in lines[1:]:
        where = f"{path} row {number}"
        if len(cells) != len(COLUMNS):
            raise ConfigurationError(f"{where}: has {len(cells)} fields, the header {len(COLUMNS)}")
        row = dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True))
        of_broker = found.setdefault(_name(row["broker"], where), [])
        checked = _checked(row, where)
        if any(other[:4] == checked[:4] for other in of_broker):
            raise ConfigurationError(f"{where}: {checked.item} {checked.part} {checked.side} since {checked.since} occurs twice")
        of_broker.append(checked)
    for broker, rows in found.items():
        for item, part in NEEDED:
            if not any(row.item == item and row.part in {part, "both"} for row in rows):
                raise ConfigurationError(
                    f"{path}: {broker} has no row {item},{part}: its charges cannot be computed. Add the row"
                )
    return {broker: tuple(rows) for broker, rows in found.items()}


def _name(text: str, where: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", text):
        raise ConfigurationError(f"{where}: broker {text[:40]!r} is not a valid name: use lower-case letters, digits and _")
    return text


def _checked(row: Mapping[str, str], where: str) -> Row:
    """Return one row with every field checked. Raises ConfigurationError."""
    try:
        since = date.fromisoformat(row["since"]).isoformat()
    except ValueError as error:
        raise ConfigurationError(f"{where}: since {row['since']!r} is not a date YYYY-MM-DD") from error
    known = {(item.item, item.part, item.side) for item in levies()}
    units = UNITS | {item: "percent" if item.startswith("gst_") else "rupees per crore" for item, _, _ in known}
    item, part, side = row["item"], row["part"], row["side"]
    if item not in units:
        raise ConfigurationError(f"{where}: item {item!r} is not one of {', '.join(units)}")
    allowed = _places(item) if item in OWN_ITEMS else {(part, side) for name, part, side in known if name == item}
    if (part, side) not in allowed:
        places = " or ".join(sorted(f"{one},{other}" for one, other in allowed))
        raise ConfigurationError(f"{where}: part,side of {item} must be {places}, not {part},{side}")
    if row["unit"] not in {"", units[item]}:
        raise ConfigurationError(f"{where}: unit {row['unit']!r} of {item} must be {units[item]!r}")
    return Row(since, item, part, side, _value(item, row["value"], where))


def _places(item: str) -> set[tuple[str, str]]:
    """Return the allowed pairs of part and side of an item that a broker sets."""
    if item in {"dp", "dp_share"}:
        return {("delivery", "sell")}
    if item == "note":
        return {("both", "both")}
    return {("delivery", "both"), ("intraday", "both"), ("both", "both")}


def _value(item: str, text: str, where: str) -> str:
    try:
        amount = int(text) if item.startswith("gst_") else to_paise(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: value {text!r} is not an amount (at most two decimals; percent in whole numbers)"
        ) from error
    if not 0 <= amount <= (100 if item.startswith("gst_") else MOST * 100):
        raise ConfigurationError(f"{where}: value {text!r} of {item} is negative or too large")
    return text
