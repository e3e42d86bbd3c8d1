"""Report profit and loss by period, symbol, purpose or strategy: gross, charges by line, net; unrealised and dividends apart."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tradectl.accounts.charge_lines import ChargeLines
from tradectl.accounts.charged_trades import OpenLot
from tradectl.accounts.periods import Length
from tradectl.accounts.profit_and_loss import (
    PURPOSE,
    STRATEGY,
    SYMBOL,
    Group,
    Span,
    by_period,
    by_purpose,
    by_strategy,
    by_symbol,
    differences,
    held_charges,
    whole_of,
)
from tradectl.accounts.trade_history import TradeHistory, read_history
from tradectl.errors import DataError, UncoveredDate
from tradectl.model.moment import ist_date
from tradectl.model.money import Paise, to_rupees

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradectl.exchange.sessions import SessionTable
    from tradectl.world import World


def profit_and_loss(world: World, by: str, span: Span) -> dict[str, Any]:
    """Return profit and loss as JSON values: a row for each group, a total, and where `eod` counted other figures.

    `by`: one of `accounts.profit_and_loss.BY`. Raises DatabaseError, DataError, UncoveredDate.
    """
    history = read_history(world.ledger, through=span.last)
    days = world.ledger.statistics.all() if not span.instrument_id else []
    within = [day for day in days if span.first <= day.session_date <= span.last]
    whole = whole_of(history, span, days)
    if by == SYMBOL:
        groups = by_symbol(whole, history)
    elif by == PURPOSE:
        groups = by_purpose(whole)
    elif by == STRATEGY:
        groups = by_strategy(whole, history)
    else:
        groups = by_period(whole, within, Length(by))
    rows, total = [_row(group, of_fills=by not in {PURPOSE, STRATEGY}) for group in groups], _row(whole)
    of_lots = by in {SYMBOL, STRATEGY}
    if of_lots or span.instrument_id:
        through = min(span.last, ist_date(world.clock.now()))
        for row, group in zip([*(rows if of_lots else []), total], [*(groups if of_lots else []), whole], strict=True):
            row["unrealised"] = _rupees(unrealised(world, group.lots, through))
    ends = span.first, (span.last if span.last < date.max else ist_date(world.clock.now())) + timedelta(days=1)
    before, after = (held_charges(history, day, span.instrument_id) if day > date.min else 0 for day in ends)
    return {
        "by": by,
        "from": span.first.isoformat() if span.first > date.min else None,
        "to": span.last.isoformat() if span.last < date.max else None,
        "symbol": history.symbols.get(span.instrument_id),
        "charges_of": {"table": world.ledger.tariff.name, "title": world.ledger.tariff.title},
        "rows": rows,
        "total": total,
        "held_charges": {"before": to_rupees(before), "after": to_rupees(after)},
        "sessions_compared": len(within),
        "differences": differences(_as_eod_counts(world, history, span), within, partial(_counted_on, world.sessions)),
    }


def _as_eod_counts(world: World, history: TradeHistory, span: Span) -> Group:
    """Return what `eod` counts in the sessions of a span: also the special sessions just before the first of them."""
    table = world.sessions
    if table.first < span.first <= table.last:
        with suppress(UncoveredDate):
            span = replace(span, first=table.previous_run_session(span.first).date + timedelta(days=1))
    return whole_of(history, span, ())


def _counted_on(table: SessionTable, day: date) -> date:
    """Return the session in whose figures `eod` counts a day: the day, or the run session after a special session."""
    try:
        session = table.session(day)
        return day if session is None or session.runs else table.next_run_session(day).date
    except UncoveredDate:
        return day


def unrealised(world: World, lots: Iterable[OpenLot], through: date) -> Paise | None:
    """Return the value less the cost of lots at the last stored closes up to a day; None if one has no close."""
    result = 0
    for item in lots:
        close = _close(world, item.instrument_id, through)
        if close is None:
            return None
        result += item.lot.quantity * close - item.lot.cost
    return result


def _close(world: World, instrument_id: str, through: date) -> Paise | None:
    try:
        bars = world.market.history(instrument_id)
    except DataError:  # no market data are stored
        return None
    index = bars.last_index(through) if bars is not None else -1
    return int(bars.close[index]) if bars is not None and index >= 0 else None


def _row(group: Group, *, of_fills: bool = True) -> dict[str, Any]:
    """Return a group as JSON values; None for what cannot be said of it. `of_fills`: the group has fills and credits."""
    lines, net, cost = group.charges, group.net, group.cost
    change = group.day.unrealised - (group.before.unrealised if group.before else 0) if group.day else None
    fills = {
        "dividends": to_rupees(group.dividends),
        "cash_in_lieu": to_rupees(group.cash_in_lieu),
        "paid": to_rupees(group.paid.total),
        "paid_lines": in_rupees(group.paid),
        "paid_outside": to_rupees(group.paid_outside),
    }
    return {
        "key": group.key,
        "first": group.period.first.isoformat() if group.period else None,
        "last": group.period.last.isoformat() if group.period else None,
        "trades": len(group.trades),
        "winners": sum(item.trade.net > 0 for item in group.trades),
        "cost": to_rupees(cost),
        "gross": to_rupees(group.gross),
        "charges": to_rupees(lines.total),
        "charge_lines": in_rupees(lines),
        "net": to_rupees(net),
        "percent": 100 * net / cost if cost else None,
        "unrealised": _rupees(group.day.unrealised if group.day else None),
        "unrealised_change": _rupees(change),
        **(fills if of_fills else dict.fromkeys(fills)),
    }


def in_rupees(lines: ChargeLines) -> dict[str, str]:
    """Return charges by line as JSON values."""
    return {name: to_rupees(amount) for name, amount in lines.by_name().items()}


def _rupees(amount: Paise | None) -> str | None:
    return None if amount is None else to_rupees(amount)
