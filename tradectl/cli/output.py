"""Format results as text: tables, moments, rupees. rich is imported only for a terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

from tradectl.cli.columns import (
    BOX_EDGES,
    FREE_TEXT,
    GAP,
    LEAST_TEXT,
    Chosen,
    fitting_columns,
    named_columns,
    plain_name,
    text_widths,
)
from tradectl.control_characters import one_line
from tradectl.model.money import show_rupees, to_paise
from tradectl.model.rule_names import REVERSION

IN_A_PIPE = "COLUMNS=200, or --columns NAME,NAME, shows them"
"""What shows the columns that a table in a pipe has dropped."""


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    empty: str = "Nothing.",
    searched: bool = False,
    first: Sequence[str] = (),
) -> str:
    """Return a table as text: boxed by rich on a terminal, plain columns elsewhere. A column named `>x` is aligned to the
    right.

    The table fits the terminal, elsewhere the width COLUMNS or 80: free text is broken into lines, and columns that do not fit
    are dropped by rank and named below the table. No symbol, price or date is cut. With `--columns` each row of a plain table
    is one line of any length, and so it is for a log, which other programs search (`searched`). `first`: the columns that this
    table drops before others. Raises UsageError for an unknown name in `--columns`."""
    cells = [[cell(value) for value in row] for row in rows]
    if not cells:
        return f"{title}: {empty}" if title else empty
    places = named_columns(columns)
    columns, cells = [columns[place] for place in places], [[row[place] for place in places] for row in cells]
    if sys.stdout.isatty():
        return _boxed(columns, cells, title, first)
    if Chosen.names or searched:
        return plain_table(columns, cells, title=title)
    return fitted_table(columns, cells, shutil.get_terminal_size().columns, title=title, first=first)


def fitted_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    width: int,
    *,
    title: str = "",
    remedy: str = IN_A_PIPE,
    first: Sequence[str] = (),
) -> str:
    """Return a table in plain columns that fits a width, also on a terminal.

    Args:
        remedy: What shows the columns that do not fit.
        first: The columns that this table drops before others.
    """
    cells = [[cell(value) for value in row] for row in rows]
    longest = [max(len(plain_name(name)), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    kept = fitting_columns(columns, longest, width, empty=_empty(cells), first=first)
    widths = text_widths([columns[place] for place in kept], [longest[place] for place in kept], width)
    kept_cells = [[row[place] for place in kept] for row in cells]
    text = plain_table([columns[place] for place in kept], kept_cells, title=title, widths=widths)
    return text + _not_shown(columns, kept, width, remedy)


def plain_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", widths: Sequence[int] | None = None
) -> str:
    """Return a table in plain columns, also on a terminal. `widths`: a longer text is broken into lines at spaces."""
    cells = [[cell(value) for value in row] for row in rows]
    names = [name.removeprefix(">").upper() for name in columns]
    widths = widths or [max(len(names[i]), *(len(row[i]) for row in cells)) for i in range(len(columns))]
    lines = [title] if title else []
    for row in [names, *cells]:
        broken = [textwrap.wrap(text, width) if len(text) > width else [text] for text, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*broken, fillvalue=""):
            line = [
                text.rjust(width) if name.startswith(">") else text.ljust(width)
                for text, width, name in zip(parts, widths, columns, strict=True)
            ]
            lines.append("  ".join(line).rstrip())
    return "\n".join(lines)


def _empty(cells: Sequence[Sequence[str]]) -> set[int]:
    """Return the places of the columns in which no row has a value."""
    return {place for place in range(len(cells[0])) if not any(row[place] for row in cells)}


def _not_shown(columns: Sequence[str], kept: Sequence[int], width: int, remedy: str) -> str:
    """Return a last line about the columns that were dropped; empty if there are none."""
    dropped = [plain_name(columns[place]) for place in range(len(columns)) if place not in kept]
    if not dropped:
        return ""
    return "\n" + textwrap.fill(f"not shown: {', '.join(dropped)} ({remedy})", width, break_on_hyphens=False)


def unprotected(item: Mapping[str, Any]) -> str:
    """Return the line of a position without a live sell order; a position that only needs time is not called UNPROTECTED."""
    return f"{'UNPROTECTED' if item['grave'] else 'not yet sellable'}  {item['text']}"


def _boxed(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str, first: Sequence[str]) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(color_system=None)  # without styles every escape sequence comes from data and is made visible
    widths = [max(cell_len(plain_name(name)), *(cell_len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    every = list(range(len(columns)))
    within = console.width - BOX_EDGES
    kept = every if Chosen.names else fitting_columns(columns, widths, within, empty=_empty(cells), first=first)
    boxed = Table(title=Text(title) if title else None, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    boxed.padding = (0, GAP - 1, 0, 0)  # the box adds 1
    for place in kept:
        name, text = columns[place].removeprefix(">"), plain_name(columns[place]) in FREE_TEXT
        least = min(widths[place], LEAST_TEXT) if text else widths[place]
        justify: Literal["left", "right"] = "right" if columns[place].startswith(">") else "left"
        boxed.add_column(Text(name), justify=justify, no_wrap=not text, min_width=least, overflow="fold")
    for row in cells:
        boxed.add_row(*(Text(row[place]) for place in kept))
    with console.capture() as captured:
        console.print(boxed)
    note = _not_shown(columns, kept, console.width, "a wider terminal, or --columns NAME,NAME, shows them")
    return captured.get().rstrip("\n") + note


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


def notes(found: Iterable[Mapping[str, Any]]) -> str:
    """Return notes for a cell of a table: `late fill #slow; see mail`."""
    return "; ".join(" ".join([item["text"], *(f"#{tag}" for tag in item["tags"])]) for item in found)


def strategy_column(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return `("strategy",)` if a row is not of the shipped rule, else nothing: only then the column tells something."""
    return ("strategy",) if any(row["strategy"] != REVERSION for row in rows) else ()


def inputs(values: Any, width: int = 0) -> str:
    """Return a decision's inputs or a task's result on one line: `close=101.5 rsi=24.1`; cut to `width` characters if given."""
    line = " ".join(f"{key}={_plain(value)}" for key, value in values.items()) if isinstance(values, dict) else _plain(values)
    line = one_line(line)
    return line if not width or len(line) <= width else line[: width - 1] + "…"


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.2f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
