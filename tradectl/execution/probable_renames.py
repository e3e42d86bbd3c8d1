"""Find positions whose shares the broker lists under a symbol that the list of renames does not have yet.

A broker shows the new symbol from its first day on; our list may come a day later. The depository's ISIN proves that the shares
are the same. tradectl then reports a probable rename, and changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct

from tradectl.ledger.rows import Position
from tradectl.model.order import Holding
from tradectl.ports import MarketData

IMPORT_RENAMES = "`tradectl prices --force` fetches the list of renames; or import it: `tradectl data import symbolchange.csv`"


class ProbableRename(Struct, frozen=True):
    """A position under `symbol`, and the broker's shares of the same ISIN under `new_symbol`."""

    symbol: str
    new_symbol: str
    shares: int
    isin: str

    @property
    def text(self) -> str:
        """Return what was found."""
        return (
            f"{self.symbol} is probably {self.new_symbol} now: the broker lists {self.shares} shares of its ISIN {self.isin} "
            "under that symbol, and the list of renames does not have it"
        )


def probable_renames(
    holdings: Sequence[Holding], positions: Iterable[Position], market: MarketData, today: date
) -> dict[str, ProbableRename]:
    """Return, by the symbol of the position, the probable renames of positions that the broker lists no share of."""
    shown = {item.symbol for item in holdings if item.quantity + item.t1_quantity + item.pledged}
    by_isin = {item.isin: item for item in holdings if item.isin and item.symbol in shown}
    found = {}
    for position in positions:
        isin = market.instrument(position.instrument_id, today).isin if by_isin and position.symbol not in shown else None
        other = by_isin.get(isin) if isin else None
        if other is not None and other.symbol not in market.renames().names_of(position.instrument_id):
            count = other.quantity + other.t1_quantity + other.pledged
            found[position.symbol] = ProbableRename(position.symbol, other.symbol, count, other.isin)
    return found
