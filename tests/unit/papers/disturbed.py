"""Write fills as Zerodha's tradebook, and disturb its rows in ten ways."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from tradectl.model.moment import to_ist
from tradectl.model.money import grouped
from tradectl.papers.account_trades import trade_names
from tradectl.tax.events import Trade

Row = dict[str, str]
Expected = tuple[str, tuple[str, ...]]


def rows_of(fills: Iterable[Trade]) -> list[Row]:
    """Return the rows of a tradebook with these fills, in the columns of Zerodha."""
    return [
        {
            "symbol": fill.symbol,
            "isin": fill.isin,
            "trade_date": fill.session.isoformat(),
            "exchange": "NSE",
            "segment": "EQ",
            "series": "EQ",
            "trade_type": fill.side.lower(),
            "auction": "false",
            "quantity": f"{fill.quantity}.000000",
            "price": f"{fill.price // 100}.{fill.price % 100:02d}0000",
            "trade_id": trade_names(fill.trade_id)[-1],
            "order_id": "" if fill.order_id.startswith("order ") else fill.order_id,
            "order_execution_time": f"{to_ist(fill.at):%Y-%m-%dT%H:%M:%S}",
        }
        for fill in fills
    ]


def written(
    path: Path,
    rows: list[Row],
    *,
    start: str = "",
    end: str = "\n",
    reverse: bool = False,
    grouped: bool = False,
    zone: str = "",
    delimiter: str = ",",
) -> Path:
    """Write a tradebook in one of the spellings that spreadsheets and programs give it."""
    names = list(reversed(rows[0])) if reverse else list(rows[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    for row in rows:
        changed = dict(row)
        if grouped:
            changed["price"] = in_groups(row["price"])
        if zone:
            changed["order_execution_time"] += zone
        writer.writerow(changed)
    path.write_bytes((start + text.getvalue()).encode())
    return path


def in_groups(price: str) -> str:
    """Return a price as `1,23,456.50`."""
    whole, _, part = price.partition(".")
    return f"{grouped(int(whole))}.{part[:2]}"


def _change(name: str, change: Callable[[str], str]) -> Callable[[list[Row], int], None]:
    def disturb(rows: list[Row], place: int) -> None:
        rows[place][name] = change(rows[place][name])

    return disturb


def _later(text: str, **by: int) -> str:
    return f"{datetime.fromisoformat(text) + timedelta(**by):%Y-%m-%dT%H:%M:%S}"


def _next_day(rows: list[Row], place: int) -> None:
    row = rows[place]
    row["order_execution_time"] = _later(row["order_execution_time"], days=1)
    row["trade_date"] = row["order_execution_time"][:10]


def _added(rows: list[Row], place: int) -> None:
    rows.insert(place, rows[place] | {"trade_id": "999999999", "order_id": "999", "quantity": "3"})


DISTURBANCES: list[tuple[Callable[[list[Row], int], None], Expected]] = [
    (_change("quantity", lambda text: str(int(float(text)) + 1)), ("differs", ("quantity",))),
    (_change("price", lambda text: f"{float(text) + 0.05:.2f}"), ("differs", ("price",))),
    (_change("trade_type", lambda text: {"buy": "sell", "sell": "buy"}[text]), ("differs", ("side",))),
    (_change("symbol", lambda _: "NOSUCH"), ("differs", ("symbol",))),
    (_change("order_id", lambda _: "123"), ("differs", ("order_id",))),
    (_change("trade_id", lambda _: "888888888"), ("differs", ("trade_id",))),
    (_change("order_execution_time", lambda text: _later(text, seconds=2)), ("differs", ("time",))),
    (_next_day, ("differs", ("trade_date",))),
    (_added, ("missing_here", ())),
    (lambda rows, place: rows.pop(place) and None, ("missing_there", ())),
]
"""Each disturbance with the one finding that it must give: its outcome and the fields that differ."""
