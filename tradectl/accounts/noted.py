"""Find the notes on an order, and on a trade with the orders that made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tradectl.accounts.charged_trades import ClosedTrade
from tradectl.ledger.notes import Note


@dataclass(frozen=True, slots=True)
class Noted:
    """The notes of a user, by subject."""

    notes: Sequence[Note]
    _of_order: dict[int, list[Note]] = field(default_factory=dict, init=False)
    _of_trade: dict[tuple[str, str], list[Note]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for note in self.notes:
            if note.order_id is not None:
                self._of_order.setdefault(note.order_id, []).append(note)
            if note.trade is not None:
                self._of_trade.setdefault(note.trade, []).append(note)

    def of_order(self, order_id: int | None) -> list[Note]:
        """Return the notes on an order, the oldest first."""
        return self._of_order.get(order_id, []) if order_id is not None else []

    def of_trade(self, item: ClosedTrade) -> list[Note]:
        """Return the notes on a trade and on its two orders, the oldest first."""
        of_orders = [*self.of_order(item.entry.order_id), *self.of_order(item.exit.order_id if item.exit else None)]
        return sorted([*of_orders, *self._of_trade.get(subject_of(item), [])], key=lambda note: note.id)


def subject_of(item: ClosedTrade) -> tuple[str, str]:
    """Return the broker's trade ids of the fills that bought and sold a trade, as a note stores them."""
    return item.entry.trade_id, item.exit.trade_id if item.exit else ""


def texts(notes: Iterable[Note]) -> str:
    """Return notes as one text: `late fill; see mail`."""
    return "; ".join(note.text for note in notes)


def tags(notes: Iterable[Note]) -> list[str]:
    """Return the tags of notes, each once, in their order."""
    return list(dict.fromkeys(tag for note in notes for tag in note.tags))
