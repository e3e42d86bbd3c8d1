"""Format results as text: tables, moments, rupees. rich is imported only for a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tradectl.control_characters import one_line
from tradectl.model.money import show_rupees, to_paise


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", empty: str = "Nothing.") -> str:
    """Return a table as text: boxed by rich on a terminal, plain columns elsewhere. A column named `>x` is aligned to the
    right."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return f"{title}: {empty}" if title else empty
    if sys.stdout.isatty():
        return _boxed(columns, cells, title)
    names = [name.removeprefix(">").upper() for name in columns]
    widths = [max(len(names[i]), *(len(row[i]) for row in cells)) for i in range(len(columns))]
    lines = [title] if title else []
    for row in [names, *cells]:
        parts = [
            text.rjust(width) if name.startswith(">") else text.ljust(width)
            for text, width, name in zip(row, widths, columns, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def unprotected(item: Mapping[str, Any]) -> str:
    """Return the line of a position without a live sell order; a position that only needs time is not called UNPROTECTED."""
    return f"{'UNPROTECTED' if item['grave'] else 'not yet sellable'}  {item['text']}"


def _boxed(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    boxed = Table(title=Text(title) if title else None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in columns:
        boxed.add_column(Text(name.removeprefix(">")), justify="right" if name.startswith(">") else "left")
    for row in cells:
        boxed.add_row(*(Text(text) for text in row))
    console = Console(color_system=None)  # without styles every escape sequence comes from data and is made visible
    with console.capture() as captured:
        console.print(boxed)
    return captured.get().rstrip("\n")


def cell(value: Any) -> str:
    """Return one JSON value as text on one line; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2f}" if isinstance(value, float) else one_line(str(value))


def flat(value: Any) -> Any:
    """Return a JSON value with each text on one line, so that no text from outside can imitate a line of the output."""
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, list):
        return [flat(item) for item in value]
    return one_line(value) if isinstance(value, str) else value


def moment(text: str | None) -> str:
    """Return an ISO moment that is in Indian time as `2023-07-21 09:15:00`; empty for None."""
    return "" if text is None else text[:19].replace("T", " ")


def rupees(text: str | None) -> str:
    """Return rupees such as `1234567.50` in Indian notation: `12,34,567.50`; empty for None."""
    return "" if text is None else show_rupees(to_paise(text))


def inputs(values: Any, width: int = 0) -> str:
    """Return a decision's inputs or a task's result on one line: `close=101.5 rsi=24.1`; cut to `width` characters if given."""
    line = " ".join(f"{key}={_plain(value)}" for key, value in values.items()) if isinstance(values, dict) else _plain(values)
    line = one_line(line)
    return line if not width or len(line) <= width else line[: width - 1] + "…"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.2f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
