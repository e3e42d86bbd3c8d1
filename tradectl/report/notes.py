"""List trades and notes as JSON values, and store a note on an order or a trade."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from tradectl.errors import UsageError
from tradectl.ledger.notes import Note
from tradectl.model.moment import ist_date
from tradectl.report.values import value

if TYPE_CHECKING:
    from tradectl.accounts.profit_and_loss import Span
    from tradectl.accounts.trade_history import TradeHistory
    from tradectl.ledger.store import Ledger
    from tradectl.world import World

TRADE = re.compile(r"\d+-\d+")
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
LONGEST = 2_000
"""The most characters of a note."""


def shown(note: Note) -> dict[str, Any]:
    """Return a note below its subject as JSON values."""
    return {"at": value(note.at), "text": note.text, "tags": list(note.tags)}


def trades(ledger: Ledger, span: Span, limit: int) -> list[dict[str, Any]]:
    """Return the trades of a span, the newest first, each with its charges by line and its notes. Raises DatabaseError."""
    from tradectl.accounts.noted import Noted
    from tradectl.accounts.trade_history import read_history
    from tradectl.report.exports import tables
    from tradectl.report.exports.spreadsheets import plain

    history, noted = read_history(ledger), Noted(ledger.notes.all())
    table = tables.trades(history, span, noted)
    notes = {item.id: noted.of_trade(item) for item in history.trades}
    kinds = {name: kind for name, kind in table.columns.items() if name not in {"notes", "tags"}}
    newest = list(reversed(table.rows))[:limit]
    return [
        {name: plain(kind, row[name]) for name, kind in kinds.items()} | {"notes": [shown(note) for note in notes[row["id"]]]}
        for row in newest
    ]


def add(world: World, subject: str, text: str, tags: Sequence[str]) -> dict[str, Any]:
    """Store a note and return it as `listing` does. Raises UsageError for an unknown order or trade, and an unusable text or tag.

    Args:
        subject: An order by its id, tag or broker order id; or a trade by its id, such as `12-15`.
    """
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST:
        raise UsageError(f"a note has 1 to {LONGEST} characters, not {len(plain)}")
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise UsageError(f"{tag!r} is not a tag: letters, digits, _ and -, at most 32")
    note = _on_trade if TRADE.fullmatch(subject) else _on_order
    world.ledger.notes.add(note(world, subject, plain, tuple(dict.fromkeys(tags))))
    return listing(world.ledger)[0]


def _on_order(world: World, name: str, text: str, tags: tuple[str, ...]) -> Note:
    from tradectl.report import orders

    order = orders.one(world.ledger.database, world.user, name)
    return Note(order["symbol"], text, tags, world.clock.now(), order_id=order["id"])


def _on_trade(world: World, name: str, text: str, tags: tuple[str, ...]) -> Note:
    from tradectl.accounts.noted import subject_of
    from tradectl.accounts.trade_history import read_history

    history = read_history(world.ledger)
    found = next((item for item in history.trades if item.id == name), None)
    if found is None:
        raise UsageError(f"{world.user} has no trade {name}; see `tradectl trades`")
    return Note(history.symbols[found.instrument_id], text, tags, world.clock.now(), trade=subject_of(found))


def listing(ledger: Ledger, *, symbol: str = "", tag: str = "") -> list[dict[str, Any]]:
    """Return notes, the newest first. `trade` is the trade's id; None for an order, or if a fill of the trade is gone."""
    from tradectl.accounts.trade_history import read_history

    notes = [note for note in ledger.notes.all() if symbol in {"", note.symbol} and (not tag or tag in note.tags)]
    names = _trade_ids(read_history(ledger)) if any(note.trade for note in notes) else {}
    return [
        {"id": note.id, "symbol": note.symbol, "order_id": note.order_id, "trade": names.get(note.trade) if note.trade else None}
        | shown(note)
        for note in reversed(notes)
    ]


def _trade_ids(history: TradeHistory) -> dict[tuple[str, str], str]:
    from tradectl.accounts.noted import subject_of

    return {subject_of(item): item.id for item in history.trades}


def as_decisions(ledger: Ledger, instrument: Collection[str], sessions: Collection[date]) -> list[dict[str, Any]]:
    """Return the notes on symbols as rows of `why`. `sessions`: the days of the notes; empty for all."""
    return [
        {
            "id": note.id,
            "user": ledger.user,
            "at": value(note.at),
            "session_date": ist_date(note.at).isoformat(),
            "task": "note",
            "slot": "",
            "instrument_id": "",
            "symbol": note.symbol,
            "verdict": "note",
            "rule": "note",
            "reason": note.text,
            "inputs": {"tags": list(note.tags)} | ({"order": note.order_id} if note.order_id is not None else {}),
        }
        for note in ledger.notes.all()
        if note.symbol in instrument and (not sessions or ist_date(note.at) in sessions)
    ]


def by_order(notes: Iterable[Note]) -> dict[int, list[dict[str, Any]]]:
    """Return the notes on orders by the order's id."""
    found: dict[int, list[dict[str, Any]]] = {}
    for note in notes:
        if note.order_id is not None:
            found.setdefault(note.order_id, []).append(shown(note))
    return found
