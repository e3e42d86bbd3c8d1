"""Choose the columns of a table: those that the user names, else those that fit the width of the terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tradectl.errors import UsageError

GAP = 2
"""The width between two columns, on a terminal and in a pipe."""
BOX_EDGES = 2
"""The width of both edges of a table on a terminal."""
LEAST_TEXT = 20
"""The width below which a column of free text is not broken into lines; it is dropped instead."""
FREE_TEXT = frozenset(
    {
        "reason",
        "result",
        "message",
        "inputs",
        "meaning",
        "finding",
        "what is known",
        "such as",
        "note",
        "error",
        "times",
        "what",
        "values",
    }
)
"""Columns of free text, which may be broken into several lines. Every other value is shown whole or not at all."""
DROPPED_FIRST = (
    "meaning", "bounds", "unit", "inputs", "variety", "purpose", "trigger", "attempt", "steps", "started", "seconds",
    "action", "data", "backtest", "strength", "combined", "filled", "buys", "winners", "paid", "opened", "origin", "cost",
    "bought", "sold", "entry price", "exit price", "dividends", "gross", "charges", "distance", "target", "level", "default",
    "strategy", "note", "slot", "key", "change", "what", "result", "message", "reason",
)  # fmt: skip
"""Columns by rank: on a narrow terminal the first goes first. Then the other texts go from right to left, then numbers."""


class Chosen:
    """The columns that `--columns` names, in their order; empty for those that fit."""

    names: tuple[str, ...] = ()


def choose(text: str) -> None:
    """Keep the names of `--columns A,B`. Raises UsageError without any name."""
    Chosen.names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if text and not Chosen.names:
        raise UsageError("--columns needs the names of columns, separated by commas")


def named_columns(columns: Sequence[str]) -> list[int]:
    """Return the places of the chosen columns in a table; all places without a choice. Raises UsageError for an unknown name."""
    names = [plain_name(column) for column in columns]
    if not Chosen.names:
        return list(range(len(names)))
    unknown = [name for name in Chosen.names if name not in names]
    if unknown:
        raise UsageError(f"no column is called {', '.join(unknown)}; there are {', '.join(filter(None, names))}")
    return [names.index(name) for name in Chosen.names]


def fitting_columns(
    columns: Sequence[str], widths: Sequence[int], width: int, *, empty: Collection[int] = (), first: Sequence[str] = ()
) -> list[int]:
    """Return the places of the columns that fit a terminal of `width`; at least one.

    Args:
        widths: The width of the longest value or of the name of each column.
        empty: The places of columns without any value, which are dropped before all others.
        first: The columns that this table drops before `DROPPED_FIRST`, in this order.
    """
    names = [plain_name(column) for column in columns]
    least = [min(size, LEAST_TEXT) if name in FREE_TEXT else size for name, size in zip(names, widths, strict=True)]

    def fits(places: Sequence[int]) -> bool:
        return sum(least[place] for place in places) + GAP * (len(places) - 1) <= width

    ranked = sorted(_by_rank(columns, first), key=lambda place: place not in empty)
    kept = list(ranked)
    while not fits(kept) and len(kept) > 1:
        kept.pop(0)
    for place in reversed(ranked[: -len(kept)]):  # a narrow column may still fit where a wide one left
        if fits([*kept, place]):
            kept.append(place)
    return sorted(kept)


def text_widths(columns: Sequence[str], widths: Sequence[int], width: int) -> list[int]:
    """Return the widths at which fitting columns share a width: the longest free texts get less, never below LEAST_TEXT."""
    found = list(widths)
    texts = [place for place, name in enumerate(columns) if plain_name(name) in FREE_TEXT]
    beyond = sum(found) + GAP * (len(found) - 1) - width
    while beyond > 0 and texts:
        longest = max(texts, key=lambda place: found[place])
        if found[longest] <= LEAST_TEXT:
            break
        found[longest] -= 1
        beyond -= 1
    return found


def _by_rank(columns: Sequence[str], first: Sequence[str]) -> list[int]:
    """Return the places of the columns in the order in which they are dropped; `symbol` goes last."""
    names = [plain_name(column) for column in columns]
    ranked = [names.index(name) for name in dict.fromkeys([*first, *DROPPED_FIRST]) if name in names]
    rest = [place for place in reversed(range(len(names))) if place not in ranked]
    rest.sort(key=lambda place: columns[place].startswith(">"))
    return sorted([*ranked, *rest], key=lambda place: names[place] == "symbol")


def plain_name(column: str) -> str:
    """Return the name of a column as `--columns` writes it: without the mark of a number, in lower case."""
    return column.removeprefix(">").lower()
