"""Compute the lots and gains of one account from its trades: the charges of each day, the netting, then the matching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tradectl.errors import UncoveredDate
from tradectl.exchange.charge_parts import LINES, FillParts, netted, parts_of_day
from tradectl.exchange.charges import Lines
from tradectl.exchange.rates import Tariff
from tradectl.model.money import Paise
from tradectl.model.order import Fill, Side
from tradectl.model.series import EQUITY_SERIES, TRADE_FOR_TRADE
from tradectl.tax.events import ShareAction, Trade, TradePart
from tradectl.tax.gains import Gain, SpeculativeGain, gain_of, speculative_gain
from tradectl.tax.lots import Matched, matched


@dataclass(frozen=True, slots=True)
class DayLines:
    """The charge lines (paise) of one symbol and day, and whether a table of charges covers that day."""

    session: date
    instrument: str
    lines: Lines
    known: bool = True


@dataclass(frozen=True, slots=True)
class AccountTax:
    """The lots, gains and charges of one account over its whole life."""

    matched: Matched
    gains: tuple[Gain, ...]
    speculative: tuple[SpeculativeGain, ...]
    charges: tuple[DayLines, ...] = field(default=(), repr=False)


def account_tax(
    trades: Iterable[Trade],
    actions: Iterable[ShareAction],
    fair_values: Mapping[str, Paise],
    tariff: Tariff,
    stored: Mapping[str, Paise] | None = None,
) -> AccountTax:
    """Return everything that follows from the trades of one account.

    Args:
        trades: All trades, each once, in any order.
        actions: Corporate actions.
        fair_values: Highest quote of 2018-01-31 in paise, by ISIN or by instrument.
        tariff: The charge rates of the account's broker. They count, also where the ledger has stored other charges.
        stored: The charges of each fill in the ledger (paise), by trade id. Gains of fills with others get a doubt.

    Raises:
        ValueError: A trade occurs twice.
    """
    delivered: list[TradePart] = []
    same_day: list[TradePart] = []
    charges: list[DayLines] = []
    days: dict[tuple[date, str], list[Trade]] = {}
    for trade in trades:
        if trade.buyback:
            delivered.append(TradePart(trade, trade.quantity))
        else:
            days.setdefault((trade.session, trade.instrument), []).append(trade)
    for (day, instrument), of_day in sorted(days.items(), key=lambda item: item[0]):
        netting, unsure = _netting(of_day)
        parts, known = _parts(day, of_day, tariff, netting=netting)
        differ = _sides_that_differ(of_day, parts, stored or {})
        for trade in of_day:
            own = parts[trade.trade_id]
            doubts = _doubts(trade, known=known, differs=trade.side in differ)
            delivered.append(TradePart(trade, own.delivered, own.delivery_lines, doubts))
            doubts = (*doubts, "series_unknown") if unsure and own.intraday else doubts
            same_day.append(TradePart(trade, own.intraday, own.intraday_lines, doubts))
        lines = [lines for own in parts.values() for lines in (own.delivery_lines, own.intraday_lines)]
        charges.append(DayLines(day, instrument, sum_of(lines), known))
    found = matched(delivered, same_day, actions)
    return AccountTax(
        found,
        tuple(gain_of(item, fair_values) for item in found.disposals),
        tuple(speculative_gain(item) for item in found.speculative),
        tuple(charges),
    )


def sum_of(lines: Iterable[Lines]) -> Lines:
    """Return the sum of charge lines, name by name."""
    every = list(lines)
    return Lines(**{name: sum(getattr(item, name) for item in every) for name in LINES})


def _netting(trades: Sequence[Trade]) -> tuple[bool, bool]:
    """Return whether the trades of one symbol and day are netted, and whether that is unsure.

    Those of a trade-for-trade series are not. A day of which no trade has a series of shares counts as an ordinary one."""
    series = {trade.series for trade in trades}
    return series.isdisjoint(TRADE_FOR_TRADE), series.isdisjoint(EQUITY_SERIES)


def _parts(day: date, trades: Sequence[Trade], tariff: Tariff, *, netting: bool) -> tuple[dict[str, FillParts], bool]:
    """Return the parts of each trade of one symbol and day, and whether the table of charges covers the day."""
    orders: dict[str, int] = {}
    fills = [
        Fill(
            trade.trade_id,
            trade.instrument,
            trade.side,
            trade.quantity,
            trade.price,
            day,
            trade.at,
            orders.setdefault(trade.order_id, len(orders) + 1) if trade.order_id else 0,
        )
        for trade in sorted(trades, key=lambda trade: (trade.at, trade.trade_id))
    ]
    try:
        return parts_of_day(day, fills, tariff, netting=netting), True
    except UncoveredDate:
        counts = netted(fills, netting=netting)
        return {
            fill.fill_id: FillParts(fill.quantity - counts[fill.fill_id], counts[fill.fill_id], Lines(), Lines())
            for fill in fills
        }, False


def _sides_that_differ(trades: Sequence[Trade], parts: Mapping[str, FillParts], stored: Mapping[str, Paise]) -> set[Side]:
    """Return the sides of one symbol and day for whose fills the ledger has stored other charges in all than the table gives."""
    by: dict[Side, Paise] = {}
    for trade in trades:
        if trade.trade_id in stored:
            part = parts[trade.trade_id]
            less = stored[trade.trade_id] - part.delivery_lines.total - part.intraday_lines.total
            by[trade.side] = by.get(trade.side, 0) + less
    return {side for side, amount in by.items() if amount}


def _doubts(trade: Trade, *, known: bool, differs: bool) -> tuple[str, ...]:
    if not known:
        return ("charges_unknown",)
    if trade.source != "ledger":
        return ("charges_computed",)
    return ("charges_differ",) if differs else ()
