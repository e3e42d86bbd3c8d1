"""Sum the gains of one financial year: by term and rate, by the windows of advance tax, with charges and doubts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from msgspec import Struct

from tradectl.exchange.charges import Lines
from tradectl.model.money import Paise
from tradectl.tax.account import AccountTax, sum_of
from tradectl.tax.gains import Gain, SpeculativeGain
from tradectl.tax.rules import FinancialYear, Term, Treated, exemption


class Bucket(Struct, frozen=True):
    """The gains of one term, section and rate. Amounts are paise.

    Attributes:
        gain: proceeds - cost - expenses, with losses.
        profits, losses: The parts of `gain` from lots with a profit and with a loss (not positive).
        windows: `gain` by the five windows of advance tax.
    """

    term: Term
    section: str
    rate: Fraction | None
    lots: int
    proceeds: Paise
    cost: Paise
    expenses: Paise
    gain: Paise
    profits: Paise
    losses: Paise
    windows: tuple[Paise, ...]


class TaxYear(Struct, frozen=True):
    """The figures of one financial year. Amounts are paise.

    Attributes:
        buckets: The sums by term, section and rate; sales without a recorded purchase are in none, as their gain is not known.
        exemption: What long gains of the year may be exempt at most.
        exempt: What of them is exempt: min(long gain, exemption), not below 0, before any set-off.
        deemed_dividends: Receipts of buybacks that are taxed as dividends.
        charges: The treatment of the charges of the shares that were sold in the year, purchases included.
        lines: All charge lines of the year's trades.
        doubts: How many figures carry each doubt.
    """

    year: FinancialYear
    gains: tuple[Gain, ...]
    speculative: tuple[SpeculativeGain, ...]
    buckets: tuple[Bucket, ...]
    exemption: Paise
    exempt: Paise
    deemed_dividends: Paise
    charges: Treated
    lines: Lines
    doubts: Counter[str]

    @property
    def unmatched(self) -> tuple[Gain, ...]:
        """Return the sales whose purchase is not recorded."""
        return tuple(gain for gain in self.gains if gain.term is Term.UNKNOWN)


def tax_year(year: FinancialYear, account: AccountTax) -> TaxYear:
    """Return the figures of one year."""
    gains = tuple(gain for gain in account.gains if gain.disposal.sold in year)
    speculative = tuple(item for item in account.speculative if item.trade.sale.session in year)
    charges = Treated()
    for gain in gains:
        charges += gain.disposal.charges + gain.disposal.lot.charges
    for item in speculative:
        charges += item.trade.buy_charges + item.trade.sale_charges
    long_gain = sum(gain.gain for gain in gains if gain.in_112a)
    most = exemption(year.last)
    return TaxYear(
        year=year,
        gains=gains,
        speculative=speculative,
        buckets=(
            *_buckets(year, [gain for gain in gains if gain.term is not Term.UNKNOWN]),
            *_speculative_bucket(year, speculative),
        ),
        exemption=most,
        exempt=max(0, min(long_gain, most)),
        deemed_dividends=sum(gain.deemed_dividend for gain in gains),
        charges=charges,
        lines=sum_of(day.lines for day in account.charges if day.session in year),
        doubts=Counter(
            doubt for doubts in (*(item.doubts for item in gains), *(item.doubts for item in speculative)) for doubt in doubts
        ),
    )


def _buckets(year: FinancialYear, gains: Sequence[Gain]) -> list[Bucket]:
    order = list(Term)
    keys = sorted({(order.index(item.term), item.section, item.rate or Fraction(0)) for item in gains})
    found = []
    for place, section, rate in keys:
        own = [
            item for item in gains if (order.index(item.term), item.section, item.rate or Fraction(0)) == (place, section, rate)
        ]
        gain, profits, losses = _signed([item.gain for item in own])
        bucket = Bucket(
            term=order[place],
            section=section,
            rate=own[0].rate,
            lots=len(own),
            proceeds=sum(item.proceeds for item in own),
            cost=sum(item.cost for item in own),
            expenses=sum(item.expenses for item in own),
            gain=gain,
            profits=profits,
            losses=losses,
            windows=windows(year, [(item.disposal.sold, item.gain) for item in own]),
        )
        found.append(bucket)
    return found


def _speculative_bucket(year: FinancialYear, items: Sequence[SpeculativeGain]) -> list[Bucket]:
    if not items:
        return []
    gain, profits, losses = _signed([item.gain for item in items])
    bucket = Bucket(
        term=Term.SPECULATIVE,
        section=items[-1].section,
        rate=None,
        lots=len(items),
        proceeds=sum(item.trade.proceeds for item in items),
        cost=sum(item.trade.cost + item.trade.buy_charges.deducted for item in items),
        expenses=sum(item.trade.sale_charges.deducted for item in items),
        gain=gain,
        profits=profits,
        losses=losses,
        windows=windows(year, [(item.trade.sale.session, item.gain) for item in items]),
    )
    return [bucket]


def _signed(gains: Sequence[Paise]) -> tuple[Paise, Paise, Paise]:
    """Return the sum, the sum of the profits, and the sum of the losses."""
    return sum(gains), sum(gain for gain in gains if gain > 0), sum(gain for gain in gains if gain < 0)


def windows(year: FinancialYear, dated: Sequence[tuple[date, Paise]]) -> tuple[Paise, ...]:
    """Return the sums (paise) of dated amounts by the five windows of advance tax."""
    return tuple(sum(amount for day, amount in dated if first <= day <= last) for first, last in year.windows)
