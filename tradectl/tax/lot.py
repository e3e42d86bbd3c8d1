"""Hold lots of delivered shares, their sales, and the lots of a whole account while its events are followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tradectl.model.money import Paise, share_out
from tradectl.tax.events import Trade
from tradectl.tax.rules import Treated


class Lot(Struct, frozen=True):
    """Shares of one purchase that are still held. Amounts are paise.

    Attributes:
        trade_id: The trade that bought them; of bonus and demerged shares, that of the shares they came from.
        acquired: The day from which they are held; None if the purchase is not recorded.
        quantity: Shares now; `entry_quantity` the same shares as they were bought.
        cost: What was paid, without charges.
        charges: The charges of the purchase by their treatment.
        fair_shares: How many shares of 2018-01-31 these are, for lots bought until then; else 0.
        origin: bought, bonus, demerger or unknown.
    """

    trade_id: str
    instrument: str
    symbol: str
    isin: str
    acquired: date | None
    quantity: int
    entry_quantity: int
    entry_price: Paise
    cost: Paise
    charges: Treated
    fair_shares: Fraction = Fraction(0)
    origin: str = "bought"
    source: str = "ledger"
    doubts: tuple[str, ...] = ()


class Disposal(Struct, frozen=True):
    """A lot, or a part of it, that one trade sold. `proceeds`: quantity x price, paise. `charges`: those of the sale.

    The quantity of a fraction of a share, which the company paid in cash, is 0; its proceeds are that cash.
    """

    lot: Lot
    sale: Trade
    quantity: int
    proceeds: Paise
    charges: Treated
    doubts: tuple[str, ...] = ()

    @property
    def sold(self) -> date:
        """Return the date of the contract note."""
        return self.sale.session


@dataclass(slots=True)
class LotAccount:
    """The lots of an account by instrument, and what was sold so far."""

    lots: dict[str, list[Lot]] = field(default_factory=dict)
    disposals: list[Disposal] = field(default_factory=list)

    def of(self, instrument: str) -> list[Lot]:
        """Return the lots of an instrument; the list may be changed."""
        return self.lots.setdefault(instrument, [])


def held_from(lot: Lot) -> date:
    """Return the day from which a lot is held; the first of all days if its purchase is not recorded."""
    return lot.acquired or date.min


def divided(lot: Lot, quantities: list[int]) -> list[Lot]:
    """Return a lot as several, with cost and charges in proportion to their shares."""
    entries, costs = share_out(lot.entry_quantity, quantities), share_out(lot.cost, quantities)
    charges = split_treated(lot.charges, quantities)
    return [
        replace(
            lot, quantity=count, entry_quantity=entries[i], cost=costs[i], charges=charges[i],
            fair_shares=lot.fair_shares * count / lot.quantity,
        )
        for i, count in enumerate(quantities)
    ]  # fmt: skip


def split_treated(charges: Treated, weights: list[int]) -> list[Treated]:
    """Return charges divided in proportion to the weights; each part adds up exactly."""
    parts = [share_out(amount, weights) for amount in (charges.deducted, charges.not_deducted, charges.doubtful)]
    return [Treated(*(part[i] for part in parts)) for i in range(len(weights))]
