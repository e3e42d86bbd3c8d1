"""Classify disposals by the dated rules and compute their taxable gains in paise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tradectl.model.money import Paise
from tradectl.tax.lot import Disposal
from tradectl.tax.lots import SpeculativeTrade
from tradectl.tax.rules import GRANDFATHERED, Term, is_long, months_after, rate, rule


class Gain(Struct, frozen=True):
    """One disposal as the return shows it. Amounts are paise.

    Attributes:
        actual_cost: What was paid, with the deductible charges of the purchase.
        fair_value: The value of 2018-01-31 of these shares; None if it does not apply or is not known.
        cost: The cost that counts: the actual cost, or the grandfathered one.
        expenses: The deductible charges of the sale.
        gain: proceeds - cost - expenses; without a meaning for the term UNKNOWN, whose cost is not known.
        deemed_dividend: The part of the receipt that is taxed as a dividend (buyback).
        rate: Percent; None if it is not a fixed rate or not known.
    """

    disposal: Disposal
    term: Term
    section: str
    rate: Fraction | None
    actual_cost: Paise
    fair_value: Paise | None
    cost: Paise
    expenses: Paise
    gain: Paise
    deemed_dividend: Paise = 0
    doubts: tuple[str, ...] = ()

    @property
    def before_2018(self) -> bool:
        """Return whether the shares were bought to 2018-01-31."""
        acquired = self.disposal.lot.acquired
        return acquired is not None and acquired <= GRANDFATHERED

    @property
    def proceeds(self) -> Paise:
        """Return the sale value that counts for the gain: that of a buyback taxed as a dividend is 0."""
        return self.disposal.proceeds - self.deemed_dividend

    @property
    def in_112a(self) -> bool:
        """Return whether Schedule 112A has this gain: long term, and whole shares sold on the exchange."""
        return self.term is Term.LONG and self.disposal.quantity > 0 and not self.disposal.sale.buyback


class SpeculativeGain(Struct, frozen=True):
    """The result (paise) of a same-day trade, after the deductible charges of both sides."""

    trade: SpeculativeTrade
    section: str
    gain: Paise
    doubts: tuple[str, ...] = ()


def gain_of(disposal: Disposal, fair_values: Mapping[str, Paise]) -> Gain:
    """Return the gain of a disposal. `fair_values`: highest quote of 2018-01-31 in paise by ISIN, or by instrument."""
    lot, doubts = disposal.lot, list(disposal.doubts)
    if disposal.charges.doubtful or lot.charges.doubtful:
        doubts.append("doubtful_charges")
    actual, expenses = lot.cost + lot.charges.deducted, disposal.charges.deducted
    term = _term(disposal, doubts)
    fair = _fair_value(disposal, fair_values, doubts) if _may_be_grandfathered(disposal, term) else None
    cost = actual if fair is None else max(actual, min(fair, disposal.proceeds))
    found = Gain(
        disposal=disposal,
        term=term,
        section=_section(term, disposal.sold),
        rate=_rate(term, disposal.sold),
        actual_cost=actual,
        fair_value=fair,
        cost=cost,
        expenses=expenses,
        gain=disposal.proceeds - cost - expenses,
        doubts=tuple(dict.fromkeys(doubts)),
    )
    return _bought_back(found) if disposal.sale.buyback else found


def speculative_gain(trade: SpeculativeTrade) -> SpeculativeGain:
    """Return the result of a same-day trade."""
    found = rule("section_speculative", trade.sale.session)
    doubts = [*trade.doubts, *(["speculation_section_unsure"] if found.unsure else [])]
    if trade.buy_charges.doubtful or trade.sale_charges.doubtful:
        doubts.append("doubtful_charges")
    gain = trade.proceeds - trade.cost - trade.buy_charges.deducted - trade.sale_charges.deducted
    return SpeculativeGain(trade, found.value, gain, tuple(dict.fromkeys(doubts)))


def long_from(acquired: date) -> date:
    """Return the first day on which a sale is long term."""
    last = months_after(acquired, int(rule("long_after", acquired).value))
    return date.fromordinal(last.toordinal() + 1)


def _term(disposal: Disposal, doubts: list[str]) -> Term:
    acquired, sold = disposal.lot.acquired, disposal.sold
    if acquired is None:
        return Term.UNKNOWN
    if is_long(acquired, sold):
        return Term.LONG
    if sold == months_after(acquired, int(rule("long_after", sold).value)):
        doubts.append("exactly_12_months")
    return Term.SHORT


def _may_be_grandfathered(disposal: Disposal, term: Term) -> bool:
    acquired = disposal.lot.acquired
    return term is Term.LONG and acquired is not None and acquired <= GRANDFATHERED and disposal.sold >= date(2018, 4, 1)


def _fair_value(disposal: Disposal, fair_values: Mapping[str, Paise], doubts: list[str]) -> Paise | None:
    """Return the value of 2018-01-31 of the sold shares, rounded to the paisa; None if it is not known."""
    lot = disposal.lot
    price = fair_values.get(lot.isin) if lot.isin in fair_values else fair_values.get(lot.instrument)
    if price is None or not lot.fair_shares:
        doubts.append("fair_value_missing" if lot.fair_shares else "demerger_fair_value")
        return None
    return int(price * lot.fair_shares + Fraction(1, 2))


def _section(term: Term, sold: date) -> str:
    return rule(f"section_{term}", sold).value if term in {Term.SHORT, Term.LONG} else ""


def _rate(term: Term, sold: date) -> Fraction | None:
    return rate(term, sold) if term in {Term.SHORT, Term.LONG} else None


def _bought_back(found: Gain) -> Gain:
    """Return the gain of shares that the company bought back: exempt, a dividend with a loss of the cost, or a gain."""
    by_law = rule("buyback", found.disposal.sold)
    doubts = (*found.doubts, *(["buyback_rule_unsure"] if by_law.unsure else []), "buyback_not_in_112a")
    if by_law.value == "gain":
        return replace(found, doubts=doubts)
    if by_law.value == "dividend":
        cost, dividend = found.actual_cost, found.disposal.proceeds
        return replace(found, fair_value=None, cost=cost, gain=-cost, deemed_dividend=dividend, doubts=doubts)
    return replace(found, term=Term.BUYBACK, section="exempt", rate=None, gain=0, doubts=doubts)
