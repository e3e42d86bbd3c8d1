"""Give the content of a report to a backtest: of one account, or of symbols with separate money."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.accounts.charge_lines import lines_of_day
from tradectl.accounts.charged_trades import ChargedFill, charged_trades
from tradectl.backtest.context import BacktestContext, Span
from tradectl.backtest.portfolio import Portfolio
from tradectl.backtest.symbol_run import Backtest
from tradectl.exchange.rates import Tariff
from tradectl.model.order import Fill
from tradectl.report_page.candles import candles_of
from tradectl.report_page.complete import indicator_names
from tradectl.report_page.content import Content, Day, Source, TradeLine
from tradectl.report_page.trade_lines import charges_by_kind, closed_line, held_line

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
    runs = [(candidate.context, done) for candidate, done in zip(own.candidates, own.results(), strict=True)]
    lines = _lines(runs, last)
    candles, missing = candles_of(market, (*lines.closed, *lines.held), own.parameters, last)
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
        days=_days(own, [done for _, done in runs]),
        trades=lines.closed,
        held=lines.held,
        fills=lines.fills,
        charge_lines=charges_by_kind(lines.fills),
        benchmarks={title: hold.worth.tolist() for title, hold in named.items() if hold is not None},
        candles=candles,
        names=indicator_names(own.parameters),
        notes=(*notes, *filter(None, [missing])),
    )


def alone_content(
    name: str,
    runs: Sequence[tuple[BacktestContext, Backtest]],
    span: Span,
    market: MarketData,
    *,
    notes: Sequence[str],
    made_at: datetime,
) -> Content:
    """Return the content of a report of symbols with separate money: their trades. There is no account, so it has no equity."""
    parameters = runs[0][0].parameters
    lines = _lines(runs, span.last)
    candles, missing = candles_of(market, (*lines.closed, *lines.held), parameters, span.last)
    return Content(
        title=f"Backtest of {name}, {span.first} to {span.last}",
        source=Source.BACKTEST,
        user="separate money for each symbol" if len(runs) > 1 else "one symbol",
        mode="backtest",
        first=span.first,
        last=span.last,
        made_at=made_at,
        before=0,
        days=(),
        trades=lines.closed,
        held=lines.held,
        fills=lines.fills,
        charge_lines=charges_by_kind(lines.fills),
        candles=candles,
        names=indicator_names(parameters),
        notes=(*notes, *filter(None, [missing])),
    )


class _Lines(Struct, frozen=True):
    """The closed trades by exit, the shares held at the end, and the fills by time, of all symbols."""

    closed: tuple[TradeLine, ...]
    held: tuple[TradeLine, ...]
    fills: tuple[ChargedFill, ...]


def _lines(runs: Sequence[tuple[BacktestContext, Backtest]], last: date) -> _Lines:
    """Return what a report lists of finished runs. `last`: the day of the last prices."""
    closed, held, fills = list[TradeLine](), list[TradeLine](), list[ChargedFill]()
    for place, (context, done) in enumerate(runs):
        history = context.history
        charged = _charged(place, history.instrument_id, done, context.parameters.tariff, len(fills))
        fills += charged.values()
        trades, lots = charged_trades(place, done.folded, charged)
        closed += [closed_line(item) for item in trades]
        newest = history.last_index(last)
        close = int(history.close[newest]) if newest >= 0 else None
        held += [held_line(item, context.instrument(last).symbol, close) for item in lots]
    closed.sort(key=lambda line: (str(line.exit_session), str(line.exit_at), line.symbol))
    return _Lines(tuple(closed), tuple(held), tuple(sorted(fills, key=lambda fill: (fill.at, fill.symbol, fill.id))))


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


def _charged(place: int, instrument_id: str, done: Backtest, tariff: Tariff, before: int) -> dict[str, ChargedFill]:
    """Return the fills of one symbol with their charges by line, by fill id, the oldest first.

    `before`: the number of fills of other symbols, so that each fill has its own number.
    """
    by_day: dict[date, list[Fill]] = defaultdict(list)
    for fill in done.fills:
        by_day[fill.session].append(fill)
    found: dict[str, ChargedFill] = {}
    for session, fills in by_day.items():
        lines = lines_of_day(session, fills, done.charges, tariff)
        for fill in fills:
            found[fill.fill_id] = ChargedFill(
                id=before + len(found) + 1,
                trade_id=fill.fill_id,
                order_id=fill.order_id,
                position_id=place,
                instrument_id=instrument_id,
                symbol=fill.symbol,
                side=fill.side,
                quantity=fill.quantity,
                booked=fill.quantity,
                price=fill.price,
                session=session,
                at=fill.at,
                external=False,
                purpose="",
                lines=lines[fill.fill_id],
                booked_lines=lines[fill.fill_id],
            )
    return found
