"""Compute the lots and gains of one account from its trades: the charges of each day, the netting, then the matching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct

from tradectl.errors import UncoveredDate
from tradectl.exchange.charge_parts import LINES, FillParts, netted, parts_of_day
from tradectl.exchange.charges import Lines, tariff_of
from tradectl.exchange.rates import Tariff
from tradectl.model.money import Paise, share_out
from tradectl.model.order import Fill, Side
from tradectl.model.series import EQUITY_SERIES, TRADE_FOR_TRADE
from tradectl.tax.events import ShareAction, Trade, TradePart
from tradectl.tax.gains import Gain, SpeculativeGain, gain_of, speculative_gain
from tradectl.tax.lots import Matched, matched


class DayLines(Struct, frozen=True):
    """The charges of one symbol and day.

    Attributes:
        lines: By the table, in paise.
        table: The title of that table; empty if none covers the day.
        difference: The charges that the ledger has stored, less the lines: 0 unless no table gives them.
    """

    session: date
    instrument: str
    lines: Lines
    table: str
    difference: Paise = 0


class AccountTax(Struct, frozen=True):
    """The lots, gains and charges of one account over its whole life."""

    matched: Matched
    gains: tuple[Gain, ...]
    speculative: tuple[SpeculativeGain, ...]
    charges: tuple[DayLines, ...] = ()


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
        tariff: The charge rates of the account's broker.
        stored: The charges of each fill in the ledger (paise), by trade id. They count: by the lines of the table that gives them
            (`tariff_of`), and where none does, by those of `tariff` with a doubt about the difference.

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
        parts, used = _parts(day, of_day, tariff, stored or {}, netting=netting)
        differences = _differences(of_day, parts, stored or {}) if used is not None else {}
        for trade in of_day:
            own, (less, less_same_day) = parts[trade.trade_id], differences.get(trade.trade_id, (0, 0))
            doubts = _doubts(trade, known=used is not None, differs=trade.trade_id in differences)
            delivered.append(TradePart(trade, own.delivered, own.delivery_lines, doubts, less))
            doubts = (*doubts, "series_unknown") if unsure and own.intraday else doubts
            same_day.append(TradePart(trade, own.intraday, own.intraday_lines, doubts, less_same_day))
        lines = [lines for own in parts.values() for lines in (own.delivery_lines, own.intraday_lines)]
        title = used.title if used is not None else ""
        charges.append(DayLines(day, instrument, sum_of(lines), title, sum(map(sum, differences.values()))))
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


def _parts(
    day: date, trades: Sequence[Trade], tariff: Tariff, stored: Mapping[str, Paise], *, netting: bool
) -> tuple[dict[str, FillParts], Tariff | None]:
    """Return the parts of each trade of one symbol and day, and the table of their charges; None if it does not cover the day."""
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
        known = all(fill.fill_id in stored for fill in fills)
        used = tariff_of(day, fills, stored, tariff, netting=netting) if known else None
        return parts_of_day(day, fills, used or tariff, netting=netting), used or tariff
    except UncoveredDate:
        counts = netted(fills, netting=netting)
        return {
            fill.fill_id: FillParts(fill.quantity - counts[fill.fill_id], counts[fill.fill_id], Lines(), Lines())
            for fill in fills
        }, None


def _differences(
    trades: Sequence[Trade], parts: Mapping[str, FillParts], stored: Mapping[str, Paise]
) -> dict[str, tuple[Paise, Paise]]:
    """Return what the ledger has stored beyond the table's lines, by trade id: for delivered and for same-day shares.

    The sums of one side count: the table divides its lines among the fills in another way than the ledger its amounts.
    """
    found: dict[str, tuple[Paise, Paise]] = {}
    for side in Side:
        own = [trade for trade in trades if trade.side is side and trade.trade_id in stored]
        of_side = [parts[trade.trade_id] for trade in own]
        table = sum(part.delivery_lines.total + part.intraday_lines.total for part in of_side)
        less = sum(stored[trade.trade_id] for trade in own) - table
        if less:
            shares = share_out(less, [n * trade.price for trade, part in zip(own, of_side, strict=True)
                                      for n in (part.delivered, part.intraday)])  # fmt: skip
            found.update({trade.trade_id: (shares[2 * i], shares[2 * i + 1]) for i, trade in enumerate(own)})
    return found


def _doubts(trade: Trade, *, known: bool, differs: bool) -> tuple[str, ...]:
    if not known:
        return ("charges_unknown",)
    if trade.source != "ledger":
        return ("charges_computed",)
    return ("charges_differ",) if differs else ()
