"""Store the operator's decisions about corporate actions in the archive, and list the open questions.

A decision replaces the announcements of its symbol and ex-date that concern shares. No import changes it. The panel store is
updated together with the archive, as after an import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import astuple

from tradectl.errors import UsageError
from tradectl.marketdata.panel.refresh import derived_with
from tradectl.marketdata.reference_data import DEMERGER
from tradectl.model.market import ActionKind
from tradectl.strategy.trusted_prices import MEMORY, Jump, describe, jumps

if TYPE_CHECKING:
    from tradectl.marketdata.archive import Archive
    from tradectl.marketdata.store import Store

LARGEST = 1000
"""Largest accepted ratio of new shares for one old, or of old for one new; a larger one is a typing error."""


class Question(Struct, frozen=True):
    """Represent a corporate action or a jump that the operator must decide.

    `rule`: `unknown_action` or `unexplained_jump`. `text`: the known facts, in one line."""

    instrument_id: str
    symbol: str
    ex_date: date
    rule: str
    text: str


class Decided(Struct, frozen=True):
    """Hold a decision as it is stored. Dates and times (UTC) are ISO text.

    `verdict`: `set` or `ignore`. `ratio`: empty if the number of shares does not change."""

    symbol: str
    ex_date: str
    verdict: str
    ratio: str
    note: str
    decided_at: str


def read_ratio(text: str) -> str:
    """Return a ratio in its stored form: new shares for one old as `5`, `3/2` or `1/10`, or `demerger`. Raises UsageError.

    `a:b` is rejected, because it has different meanings for a bonus and for a split."""
    if text.lower() == DEMERGER:
        return DEMERGER
    hint = "write the new shares for one old: 5 for a 5-for-1 split, 2 for a bonus of 1:1, 1/10 for a consolidation; or demerger"
    try:
        ratio = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"{text!r} is not a ratio: {hint}") from error
    if ratio <= 0 or ratio == 1 or not Fraction(1, LARGEST) <= ratio <= LARGEST:
        raise UsageError(f"{text!r} cannot be a ratio: {hint}")
    return str(ratio)


def decide(archive: Archive, decided: Decided) -> None:
    """Store a decision, which replaces an earlier one of the same symbol and ex-date, and update the panel store."""
    with derived_with(archive):
        archive.db.execute("INSERT OR REPLACE INTO action_decisions VALUES (?, ?, ?, ?, ?, ?)", list(astuple(decided)))
        archive.count_change()


def undo(archive: Archive, symbols: Sequence[str], ex_date: date) -> bool:
    """Remove the decisions about an ex-date, stored under any symbol of an instrument. Return whether there was one."""
    with derived_with(archive):
        marks = ", ".join("?" * len(symbols))
        query = f"DELETE FROM action_decisions WHERE ex_date = ? AND symbol IN ({marks})"
        removed = archive.db.execute(query, [ex_date.isoformat(), *symbols]).rowcount > 0
        if removed:
            archive.count_change()
    return removed


def decisions(store: Store) -> list[Decided]:
    """Return all decisions, grouped by instrument and sorted by ex-date."""
    return [Decided(owner, *row) for owner, rows in store.decisions().items() for row in rows]


def questions(store: Store, names: Sequence[str]) -> Iterator[Question]:
    """Yield the open questions of each instrument: unknown actions, and jumps that still exclude the instrument."""
    undecided = store.undecided()
    for name in names:
        if name in undecided:
            for action in store.actions(name, undecided[name] - timedelta(days=1), date.max):
                if action.kind is ActionKind.UNKNOWN:
                    text = f"the text does not give the effect on the shares: {action.subject}"
                    yield Question(name, store.instrument(name, action.ex_date).symbol, action.ex_date, "unknown_action", text)
        for jump in recent_jumps(store, name):
            symbol = store.instrument(name, jump.session).symbol
            yield Question(name, symbol, jump.session, "unexplained_jump", describe(jump))


def recent_jumps(store: Store, name: str) -> list[Jump]:
    """Return the unexplained jumps in an instrument's last `MEMORY` bars, which still exclude the instrument at its last bar."""
    history = store.history(name)
    if history is None:
        return []
    return [jump for jump in all_jumps(store, name) if jump.index + MEMORY > len(history) - 1]


def all_jumps(store: Store, name: str) -> tuple[Jump, ...]:
    """Return every unexplained jump of an instrument."""
    history = store.history(name)
    return jumps(history, store.actions(name, date.min, date.max)) if history is not None else ()
