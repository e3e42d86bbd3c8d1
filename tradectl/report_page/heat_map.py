"""Arrange the settings of a sweep as a table of two settings, with the net result of each pair of values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tradectl.model.money import Paise, to_paise


class HeatCell(Struct, frozen=True):
    """The mean of the settings with one pair of values. `shade` is a CSS class, `text` thousands of rupees."""

    net: Paise
    trades: int
    text: str
    shade: str
    own: bool


class HeatMap(Struct, frozen=True):
    """A table of two settings; of one setting if `column_name` is empty. `others`: how many settings a cell is the mean of."""

    row_name: str
    column_name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[HeatCell | None, ...]], ...]
    others: int


def heat_map(settings: Sequence[Mapping[str, Any]], own: Mapping[str, str]) -> HeatMap | None:
    """Return the table of the two settings with the most values; None if no setting has two values.

    Args:
        settings: The JSON rows of a sweep.
        own: The user's own values, which are marked.
    """
    values: dict[str, set[str]] = defaultdict(set)
    for item in settings:
        for name, value in item["changes"].items():
            values[name].add(value)
    names = sorted((name for name in values if len(values[name]) > 1), key=lambda name: (-len(values[name]), name))[:2]
    if not names:
        return None
    row_name, column_name = names[0], names[1] if len(names) > 1 else ""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for item in settings:
        found[(item["changes"][row_name], item["changes"].get(column_name, ""))].append(item)
    nets = {pair: round(sum(to_paise(item["net"]) for item in items) / len(items)) for pair, items in found.items()}
    most = max(map(abs, nets.values()))
    columns = tuple(sorted(values[column_name], key=_order)) if column_name else ("net",)
    rows = []
    for row in sorted(values[row_name], key=_order):
        pairs = [(row, column if column_name else "") for column in columns]
        rows.append(
            (
                row,
                tuple(
                    _cell(found[pair], nets[pair], most, _is_own(pair, names, own)) if pair in found else None for pair in pairs
                ),
            )
        )
    size = max(map(len, found.values()))
    return HeatMap(row_name, column_name, columns, tuple(rows), size if size > 1 else 0)


def _cell(items: Sequence[Mapping[str, Any]], net: Paise, most: Paise, own: bool) -> HeatCell:
    trades = round(sum(item["trades"] for item in items) / len(items))
    share = abs(net) / most if most else 0
    level = 0 if net == 0 else 1 if share < 1 / 3 else 2 if share < 2 / 3 else 3
    shade = "zero" if level == 0 else f"{'g' if net > 0 else 'l'}{level}"
    sign = "+" if net > 0 else "−" if net < 0 else ""
    return HeatCell(net, trades, f"{sign}{abs(net) / 100_000:,.0f}", shade, own)


def _is_own(pair: tuple[str, str], names: Sequence[str], own: Mapping[str, str]) -> bool:
    return all(own.get(name) == value for name, value in zip(names, pair, strict=False))


def _order(value: str) -> tuple[float, str]:
    """Return the sort key of a value: numbers by size, then texts."""
    try:
        return float(value), value
    except ValueError:
        return float("inf"), value
