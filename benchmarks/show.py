"""Print results as tables with one row for each comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.form import Result, Row

COLUMNS = ("what", "ours", "theirs", "min", "median", "max", "ratio", "target", "met")
_MET = {True: "yes", False: "NO", None: ""}


def show(results: Mapping[str, Result], console: Console) -> None:
    """Print all results. Nothing is cut off on a narrow terminal or in a file."""
    for name, result in results.items():
        table = Table(*COLUMNS, title=f"{name}: {result.setting}", title_justify="left", box=None, pad_edge=False)
        for column in table.columns[1:6]:
            column.justify = "right"
            column.no_wrap = True
        for cells in _rows(result.rows):
            table.add_row(*cells)
        console.print(table)
        for line in result.skipped:
            console.print(f"skipped: {line}")
        console.print()


def _rows(rows: Iterable[Row]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        sides = (_figure(side, row.unit) for side in (row.ours, row.theirs))
        ratios = (_number(value) for value in (min(row.ratios), row.ratio, max(row.ratios)))
        yield row.name, *sides, *ratios, row.kind, "" if row.target is None else str(row.target), _MET[row.met]


def _figure(values: tuple[float, ...], unit: str) -> str:
    if not values:
        return ""
    value = median(values)
    if unit == "s" and value < 0.1:
        return f"{value * 1000:.3g} ms"
    return f"{_number(value)} {unit}"


def _number(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"
