"""Shares in the broker's holdings that neither the ledger nor the setting `own_shares` explains.

They are the user's own, or of a position that the ledger has lost: it was restored from a backup, and the broker's order book,
which would show the order, has been emptied since. No order and no tag tells which. So no buy of such a symbol is sent until the
user declares the shares as his own, or has sold them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tradectl.ledger.rows import Position
from tradectl.model.order import Holding
from tradectl.strategy.own_shares import declaring


@dataclass(frozen=True, slots=True)
class Beyond:
    """A symbol of which the broker holds more shares than the ledger (`book`) and the setting (`own`) explain."""

    symbol: str
    broker: int
    book: int
    own: int

    @property
    def shares(self) -> int:
        """The number of shares that nothing explains."""
        return self.broker - self.book - self.own

    @property
    def text(self) -> str:
        """What was found, and what it means."""
        explained = f"the ledger has {self.book}" + (f", own_shares {self.own}" if self.own else "")
        return (
            f"the broker holds {self.broker} {self.symbol}, {explained}: {self.shares} shares are yours, or of a position that "
            f"the ledger has lost, which nothing sells. No buy of {self.symbol} is sent"
        )


def beyond_book(holdings: Iterable[Holding], positions: Iterable[Position], own: Mapping[str, int]) -> list[Beyond]:
    """Return the symbols with unexplained shares, by symbol. Pledged shares count: they are in the account."""
    held, counted = Counter[str](), Counter[str]()
    for item in holdings:
        held[item.symbol] += item.quantity + item.t1_quantity + item.pledged
    for position in positions:
        counted[position.symbol] += position.quantity
    found = (Beyond(symbol, held[symbol], counted[symbol], own.get(symbol, 0)) for symbol in sorted(held))
    return [item for item in found if item.shares > 0]


def declaration(found: Iterable[Beyond], own: Mapping[str, int]) -> str:
    """Return what helps: the command that compares, and the one that declares these shares besides those that are declared."""
    more = {item.symbol: item.own + item.shares for item in found}
    return f"`tradectl reconcile` compares; if they are yours: {declaring(more, own)}"
