"""Give the content of a report to the backtest of one account."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from tradectl.backtest.portfolio import Portfolio
from tradectl.backtest.symbol_run import Backtest
from tradectl.model.money import Paise
from tradectl.model.order import Fill, Side
from tradectl.model.position import Trade
from tradectl.report_page.candles import candles_of
from tradectl.report_page.charge_lines import lines_of
from tradectl.report_page.complete import indicator_names
from tradectl.report_page.content import Content, Day, Source, TradeLine
from tradectl.research.reports.open_lots import OpenLot, open_lots

if TYPE_CHECKING:
    from tradectl.ports import MarketData
    from tradectl.research.benchmark import BuyAndHold


def account_content(
    name: str,
    own: Portfolio,
    benchmarks: Mapping[str, BuyAndHold | None],
    market: MarketData,
    *,
    notes: Sequence[str],
    made_at: datetime,
) -> Content:
    """Return the content of a report of a finished account.

    Args:
        name: The list or the symbols of the backtest.
        benchmarks: Buy and hold (`hold`) and the index (`index`), as `portfolio.result` takes them.
        notes: The notes on the limits of the result.
    """
    first, last = own.equity_curve[0].session, own.equity_curve[-1].session
    results = list(zip(own.candidates, own.results(), strict=True))
    closed, held = [], []
    for candidate, done in results:
        history = candidate.context.history
        entries = _buys(done.fills)
        closed += [_closed(history.instrument_id, trade, entries, done) for trade in done.trades]
        lots = open_lots(done.folded, history, last, own.parameters.tariff, candidate.context.instrument(last).symbol)
        held += [_held(history.instrument_id, lot, entries) for lot in lots]
    closed.sort(key=lambda line: (str(line.exit_session), str(line.exit_at), line.symbol))
    candles, missing = candles_of(market, (*closed, *held), own.parameters, last)
    index = benchmarks.get("index")
    named = {f"Buy and hold {name}": benchmarks.get("hold"), index.name if index is not None else "": index}
    return Content(
        title=f"Backtest of {name}, {first} to {last}",
        source=Source.BACKTEST,
        user="one account",
        mode="backtest",
        first=first,
        last=last,
        made_at=made_at,
        before=own.capital,
        days=_days(own, [done for _, done in results]),
        trades=tuple(closed),
        held=tuple(held),
        charge_lines=_charge_lines(own, [done for _, done in results]),
        benchmarks={title: hold.worth.tolist() for title, hold in named.items() if hold is not None},
        candles=candles,
        names=indicator_names(own.parameters),
        notes=(*notes, *filter(None, [missing])),
    )


def _days(own: Portfolio, results: Sequence[Backtest]) -> tuple[Day, ...]:
    charges: Counter[date] = Counter()
    received: Counter[date] = Counter()
    closed: Counter[date] = Counter()
    for done in results:
        for fill in done.fills:
            charges[fill.session] += done.charges[fill.fill_id]
        for item in done.adjustments:
            received[item.ex_date] += item.cash
        closed.update(trade.exit_session for trade in done.trades)
    return tuple(
        Day(
            session=point.session,
            equity=point.equity,
            holdings=point.value + point.spun_off,
            charges=charges[point.session],
            received=received[point.session],
            closed=closed[point.session],
        )
        for point in own.equity_curve
    )


def _charge_lines(own: Portfolio, results: Sequence[Backtest]) -> dict[str, Paise]:
    """Return the charges of all fills by kind."""
    lines: Counter[str] = Counter()
    for done in results:
        by_day: dict[date, list[Fill]] = defaultdict(list)
        for fill in done.fills:
            by_day[fill.session].append(fill)
        for session, fills in by_day.items():
            lines.update(lines_of(session, fills, own.parameters.tariff))
    return {kind: amount for kind, amount in lines.items() if amount}


def _buys(fills: Sequence[Fill]) -> dict[tuple[date, Paise], Fill]:
    return {(fill.session, fill.price): fill for fill in fills if fill.side is Side.BUY}


def _closed(instrument_id: str, trade: Trade, entries: Mapping[tuple[date, Paise], Fill], done: Backtest) -> TradeLine:
    sold = next((fill for fill in done.fills if fill.fill_id == trade.exit_fill), None)
    bought = entries.get((trade.entry_session, trade.entry_price))
    return TradeLine(
        symbol=trade.symbol,
        instrument_id=instrument_id,
        entry_session=trade.entry_session,
        exit_session=trade.exit_session,
        quantity=trade.quantity,
        entry_price=trade.entry_price,
        exit_price=trade.exit_price,
        cost=trade.cost,
        gross=trade.gross,
        charges=trade.charges,
        net=trade.net,
        entry_at=bought.at if bought is not None else None,
        exit_at=sold.at if sold is not None else None,
    )


def _held(instrument_id: str, lot: OpenLot, entries: Mapping[tuple[date, Paise], Fill]) -> TradeLine:
    bought = entries.get((lot.entry_session, lot.entry_price))
    return TradeLine(
        symbol=lot.symbol,
        instrument_id=instrument_id,
        entry_session=lot.entry_session,
        exit_session=None,
        quantity=lot.quantity,
        entry_price=lot.entry_price,
        exit_price=lot.last_price,
        cost=lot.quantity * lot.last_price - lot.unrealised,
        gross=lot.unrealised,
        charges=lot.charges,
        net=lot.unrealised - lot.charges,
        entry_at=bought.at if bought is not None else None,
    )
