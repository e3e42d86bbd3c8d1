"""Bridge from the net profit of `pnl` to the gains of `tax year`, line by line, exact to the paisa.

`pnl` and the tax computation count the same trades and charges. They differ in what is deducted, and in which shares count as
sold: for taxes, shares that are bought and sold on one day come first, bonus shares cost nothing, and a demerger moves the
published part of the cost. So a difference in the lots of one year returns in a later one: over all years, with no share left,
only the lines of the law, of fractions and of shares outside tradectl's positions remain.
"""

from __future__ import annotations

from msgspec import Struct

from tradectl.accounts.charge_lines import ChargeLines, in_table
from tradectl.accounts.profit_and_loss import Group, Span, whole_of
from tradectl.accounts.trade_history import read_history
from tradectl.ledger.store import Ledger
from tradectl.model.money import Paise
from tradectl.tax.rules import FinancialYear, Term, Treated, treated
from tradectl.tax.year import TaxYear


class Bridge(Struct, frozen=True):
    """The lines from `pnl` to the gains of a year, in paise. `net` and all lines between sum to `gains`.

    Attributes:
        net: The net of `pnl` of the year.
        not_deducted: STT of its trades.
        doubtful: DP charges and IPFT of its trades, and charges that no table gives.
        fractions: The cash for fractions of shares, which `pnl` shows apart.
        outside: The proceeds of sales that are in no position of tradectl, less those of sales whose purchase is not recorded.
        cost: The cost of the sold shares in `pnl`, less that of the shares that count as sold for taxes.
        charges: The same of their deductible charges.
        law: The fair value of 2018-01-31 instead of the cost, and buybacks.
        gains: Before the exemption and any set-off: speculative, short and long term.
    """

    net: Paise
    not_deducted: Paise
    doubtful: Paise
    fractions: Paise
    outside: Paise
    cost: Paise
    charges: Paise
    law: Paise
    gains: Paise


def bridge_of(ledger: Ledger, year: TaxYear) -> Bridge:
    """Return the bridge of a year. Raises DatabaseError, UncoveredDate."""
    span = Span(year.year.first, year.year.last)
    return bridge(whole_of(read_history(ledger, through=span.last), span, ()), year)


def bridge(whole: Group, year: TaxYear) -> Bridge:
    """Return the bridge from the profit and loss of a year to its gains."""
    charges = by_treatment(whole.charges, year.year)
    own = [gain for gain in year.gains if gain.term is not Term.UNKNOWN]
    disposals = [gain.disposal for gain in own]
    pairs = [item.trade for item in year.speculative]
    proceeds = sum(item.proceeds for item in disposals) + sum(pair.proceeds for pair in pairs)
    cost = sum(item.lot.cost for item in disposals) + sum(pair.cost for pair in pairs)
    deducted = sum(item.lot.charges.deducted + item.charges.deducted for item in disposals)
    deducted += sum(pair.buy_charges.deducted + pair.sale_charges.deducted for pair in pairs)
    gains = sum(item.gain for item in own) + sum(item.gain for item in year.speculative)
    fractions = sum(item.proceeds for item in disposals if not item.quantity)
    return Bridge(
        net=whole.net,
        not_deducted=charges.not_deducted,
        doubtful=charges.doubtful,
        fractions=fractions,
        outside=proceeds - fractions - (whole.gross + whole.cost),
        cost=whole.cost - cost,
        charges=charges.deducted - deducted,
        law=gains - (proceeds - cost - deducted),
        gains=gains,
    )


def by_treatment(lines: ChargeLines, year: FinancialYear) -> Treated:
    """Return charges by their treatment in a year. What no table gives is doubtful."""
    found = treated(in_table(lines), year.last)
    return Treated(found.deducted, found.not_deducted, found.doubtful + lines.other)
