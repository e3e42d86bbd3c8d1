"""Divide the charges of fills by kind: brokerage, STT, exchange, SEBI, stamp duty, GST, DP.

The rates give the lines of each symbol and day. Fills that a person entered, or charges that a broker reported, may differ from
these rates: `other` is the difference, so the lines always add up to the charges of the fills.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import Row

from tradectl.exchange.charges import DayCharges, Lines, day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.money import Paise
from tradectl.model.order import Fill, Side

KINDS = tuple(item.name for item in fields(Lines))
OTHER = "other"


def charge_lines(fills: Iterable[Row[Any]], tariff: Tariff) -> dict[str, Paise]:
    """Return the charges of rows of `fills` by kind, without kinds of zero. Only fills that changed a position count."""
    by_day: dict[tuple[str, Any], list[Row[Any]]] = defaultdict(list)
    for row in fills:
        by_day[(row.instrument_id, row.session_date)].append(row)
    lines: Counter[str] = Counter()
    for (_, session), rows in by_day.items():
        own = [row for row in rows if row.position_id is not None]
        if not own:
            continue
        found = day_charges(session, [_fill(row) for row in rows], tariff)
        if len(own) == len(rows):
            lines.update(by_kind(found))
        lines[OTHER] += sum(row.charges for row in own) - (found.total if len(own) == len(rows) else 0)
    return {kind: lines[kind] for kind in (*KINDS, OTHER) if lines[kind]}


def lines_of(session: date, fills: Sequence[Fill], tariff: Tariff) -> dict[str, Paise]:
    """Return the charges of one symbol's fills of a session by kind."""
    return by_kind(day_charges(session, fills, tariff))


def by_kind(found: DayCharges) -> dict[str, Paise]:
    """Return the lines of both sides together by kind."""
    return {kind: getattr(found.buy, kind) + getattr(found.sell, kind) for kind in KINDS}


def _fill(row: Row[Any]) -> Fill:
    return Fill(
        str(row.id), row.symbol, Side(row.side), row.quantity, row.price, row.session_date, row.at, row.order_id or -row.id
    )
