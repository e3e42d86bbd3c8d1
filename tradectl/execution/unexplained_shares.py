"""Find shares in the broker's holdings that neither the ledger nor the setting `own_shares` explains.

They are the user's own, or of a position that the ledger lost because it was restored from a backup. The broker's order list no
longer shows the order of such a position. So no buy of such a symbol is sent until the user declares the shares or
sells them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from tradectl.ledger.rows import Position
from tradectl.model.order import Holding
from tradectl.strategy.own_shares import declaring


class UnexplainedShares(Struct, frozen=True):
    """A symbol of which the broker holds more shares than the ledger (`book`) and the setting (`own`) explain."""

    symbol: str
    broker: int
    book: int
    own: int

    @property
    def shares(self) -> int:
        """Return the number of unexplained shares."""
        return self.broker - self.book - self.own

    @property
    def text(self) -> str:
        """Return what was found and what it means."""
        explained = f"the ledger has {self.book}" + (f", own_shares {self.own}" if self.own else "")
        return (
            f"the broker holds {self.broker} {self.symbol}, {explained}: {self.shares} shares are yours, or of a position "
            f"missing in the ledger; tradectl does not sell them. No buy of {self.symbol} is sent"
        )


def unexplained_shares(
    holdings: Iterable[Holding], positions: Iterable[Position], own: Mapping[str, int]
) -> list[UnexplainedShares]:
    """Return the symbols with unexplained shares, by symbol. Pledged shares count: they are in the account."""
    held, counted = Counter[str](), Counter[str]()
    for item in holdings:
        held[item.symbol] += item.quantity + item.t1_quantity + item.pledged
    for position in positions:
        counted[position.symbol] += position.quantity
    found = (UnexplainedShares(symbol, held[symbol], counted[symbol], own.get(symbol, 0)) for symbol in sorted(held))
    return [item for item in found if item.shares > 0]


def declaration_advice(found: Iterable[UnexplainedShares], own: Mapping[str, int]) -> str:
    """Return the commands that help: one compares, the other declares these shares besides those already declared."""
    more = {item.symbol: item.own + item.shares for item in found}
    return f"`tradectl reconcile` compares; if they are yours: {declaring(more, own)}"
