"""Define the input of the tax computation: trades of one account with their charges, and corporate actions.

All amounts are paise. `instrument` is one name for a company's shares over all renames.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

from msgspec import Struct

from tradectl.exchange.charges import Lines
from tradectl.model.money import Paise
from tradectl.model.order import Side
from tradectl.model.series import TRADE_FOR_TRADE

NO_LINES = Lines()


class Trade(Struct, frozen=True):
    """One trade of the account, by any program or by hand.

    Attributes:
        trade_id: Unique in the account. Every figure names the trades that it comes from.
        at: The moment of the trade; for a tradebook without times, the start of its session.
        order_id: The broker's order id, or empty.
        source: Where the trade is recorded: `ledger`, the name of a file, or `by hand`.
        buyback: The company bought the shares back, outside the market and without charges.
        series: NSE's series on that day, or empty if it is not known.
    """

    trade_id: str
    instrument: str
    symbol: str
    side: Side
    quantity: int
    price: Paise
    session: date
    at: datetime
    order_id: str = ""
    isin: str = ""
    source: str = "ledger"
    buyback: bool = False
    series: str = ""

    @property
    def value(self) -> Paise:
        """Return quantity x price in paise."""
        return self.quantity * self.price

    @property
    def trade_for_trade(self) -> bool:
        """Return whether the trade is settled by delivery in any case: shares bought on its day cannot be sold on it."""
        return self.series in TRADE_FOR_TRADE


class TradePart(Struct, frozen=True):
    """The delivered or the netted shares of one trade, with their charge lines (paise).

    `difference`: what the ledger has stored for these shares beyond the lines (paise); it may be negative.
    """

    trade: Trade
    quantity: int
    lines: Lines = NO_LINES
    doubts: tuple[str, ...] = ()
    difference: Paise = 0

    @property
    def value(self) -> Paise:
        """Return the value of these shares in paise."""
        return self.quantity * self.trade.price


class ActionType(StrEnum):
    """What happens to held shares on an ex-date."""

    SPLIT = "split"
    BONUS = "bonus"
    CONSOLIDATION = "consolidation"
    DEMERGER = "demerger"
    RENAME = "rename"


class ShareAction(Struct, frozen=True):
    """A corporate action that changes lots. It applies before the trades of its ex-date.

    Attributes:
        ratio: Shares after the action for one before: split 10:1 is 10, bonus 1:1 is 2. Of a demerger: new shares of the other
            company for one share held.
        cash: What was paid for the fraction of a share that the action left of `held` shares (paise); None if it is not known.
        to: The other company of a demerger, or the new name of a rename.
        to_isin: Its ISIN, or empty.
        cost_moved: The published part of the cost that goes to the other company (49(2C)); None if it is not known.
        allotted: The day from which bonus shares are held; None means the ex-date.
        doubts: What every lot that it changes is marked with.
    """

    instrument: str
    ex_date: date
    kind: ActionType
    ratio: Fraction = Fraction(1)
    to: str = ""
    to_isin: str = ""
    cost_moved: Fraction | None = None
    allotted: date | None = None
    cash: Paise | None = None
    held: int = 0
    source: str = ""
    doubts: tuple[str, ...] = ()


DOUBTS = {
    "purchase_unknown": "the purchase is not recorded: import the tradebook of that time",
    "bonus_not_allotted": "sold before bonus shares were allotted, which therefore cannot be the sold ones",
    "bonus_from_ex_date": "held from the ex-date, because the day of allotment is not given",
    "demerger_ratio_missing": "the published cost ratio of a demerger is not given, so the whole cost stays",
    "demerger_fair_value": "the fair value of demerged shares on 2018-01-31 is not clear",
    "fair_value_missing": "no fair value of 2018-01-31 is imported: only the actual cost counts",
    "exactly_12_months": "sold 12 months to the day after the purchase: taken as short term",
    "charges_computed": "the charges are computed from the table of charges, because a tradebook has none",
    "charges_differ": "no table gives the stored charges; what they differ by is not deducted: see the contract note",
    "charges_unknown": "no table of charges covers this day: counted as 0",
    "split_rule_unsure": "the rule for splits has one weak source",
    "buyback_rule_unsure": "the rule for buybacks of this time has a weak source or none",
    "buyback_not_in_112a": "a buyback is not in the 112A file: ask your accountant where it belongs",
    "series_unknown": "bought and sold on one day, in a series that is not known: taken as speculative, not as trade-for-trade",
    "speculation_section_unsure": "the section of speculative gains from 2026-04-01 was not found",
    "doubtful_charges": "DP charges and IPFT are not deducted, because no clear source allows it",
    "merged_lots": "a consolidation left lots without a whole share: their cost joined the largest lot",
    "no_whole_share": "an earlier consolidation or demerger left no whole share: its cost is in no gain",
    "action_date_unsure": "your action counts, and one of its kind that was announced for a date within 10 days of it does not",
    "fraction_in_cash": "an action gave a fraction of a share: the cash that the company paid for it is in no figure",
    "fraction_by_close": "the cash for a fraction of a share is what the ledger counted, at the last close: the company may have "
    "paid another amount; it is not in the 112A file",
}
"""The doubts that a figure may carry, with their meaning."""
