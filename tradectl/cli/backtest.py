"""`backtest`: the rules on one symbol or many, limits out of the way; the same trades as `simulate` of each alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.progress import bar
from tradectl.cli.simulate import TRADE_COLUMNS, Set, settings_of, trade_cells
from tradectl.errors import DataError
from tradectl.model.money import to_rupees

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.strategy.parameters import Parameters

app = typer.Typer()


@command(app, panel=RESEARCH)
def backtest(
    call: Call,
    symbol: Annotated[
        str, typer.Argument(help="A symbol, today's or an older name; or a list, a file of symbols, or A,B,C.", metavar="SYMBOL")
    ],
    first: Annotated[
        str, typer.Option("--from", help="First session; the first stored one unless told.", metavar="YYYY-MM-DD")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last session; the last stored one unless told.", metavar="YYYY-MM-DD")] = "",
    changes: Set = None,
) -> Answer:
    """What the rules would have traded in each symbol, with funds and portfolio limits out of the way."""
    from tradectl import bootstrap
    from tradectl.report.simulation import trade_row
    from tradectl.strategy.backtest import Facts, gated
    from tradectl.strategy.readings import Readings

    market = bootstrap.open_store(call.told())
    newest = market.last_session()
    if newest is None:
        raise DataError("there are no bars; `tradectl data import` brings them in")
    parameters = bootstrap.parameters_of(call.told(), settings_of(changes))
    end = parse_day(last) or newest
    if _is_list(market, symbol):
        return _of_many(call, market, symbol, parameters, parse_day(first), end)
    instrument_id = market.find(symbol, end)
    history = market.history(instrument_id)
    if history is None:
        raise DataError(f"there is no bar of {symbol}")
    begin = parse_day(first) or history.session(0)
    facts = Facts.gather(
        market, market.sessions, parameters, instrument_id, history=history, readings=Readings(market, parameters)
    )
    done = gated(facts, first=begin, last=end)
    trades = [trade_row(trade) for trade in done.trades]
    found = {
        "symbol": market.instrument(instrument_id, end).symbol,
        "from": begin.isoformat(),
        "to": end.isoformat(),
        "trades": trades,
        "net": to_rupees(sum(trade.net for trade in done.trades)),
        "charges": to_rupees(sum(trade.charges for trade in done.trades)),
        "winners": sum(trade.net > 0 for trade in done.trades),
        "open": done.open_position.quantity if done.open_position is not None else 0,
    }
    return Answer(found, lambda: _text(found))


def _is_list(market: Store, name: str) -> bool:
    """Whether a name stands for several symbols, as `--universe` understands them."""
    known = {*market.lists(), "all"}
    return name.lower() in known or "," in name or "/" in name or Path(name).suffix in {".csv", ".txt"}


def _of_many(call: Call, market: Store, name: str, parameters: Parameters, first: date | None, last: date) -> Answer:
    from tradectl.report.backtest import by_symbol, result
    from tradectl.strategy.lane_market import LaneMarket
    from tradectl.strategy.lanes import run_lanes

    lanes = LaneMarket.gather(market, market.sessions, market.universe(name))
    if not lanes.instruments:
        raise DataError(f"there is no bar of {name}")
    begin = first or lanes.begins
    with bar("backtest", quiet=call.quiet or call.as_json) as tell:

        def progress(done: int, total: int, session: date) -> None:
            tell(session.isoformat(), done, total)

        run = run_lanes(lanes, [parameters], first=begin, last=last, progress=progress)
    tested = by_symbol(run, lanes.instruments, lambda item, session: market.instrument(item, session).symbol, last)
    found = result(name, tested, begin, last)
    return Answer(found, lambda: _text_of_many(found))


SYMBOL_COLUMNS = ("symbol", ">trades", ">won", ">charges", ">net", ">net % a trade", ">held")


def _text_of_many(found: dict[str, Any]) -> str:
    def cells(item: dict[str, Any]) -> tuple[Any, ...]:
        percent = f"{item['average_percent']:.2f}" if item["average_percent"] is not None else ""
        return item["trades"], item["wins"], show.rupees(item["charges"]), show.rupees(item["net"]), percent

    rows = [(item["symbol"], *cells(item), item["open"]) for item in found["symbols"] if item["trades"] or item["open"]]
    title, total = f"{found['universe']} {found['from']} to {found['to']}", found["total"]
    table = show.table(SYMBOL_COLUMNS, rows, title=title, empty="no trade was closed.")
    won = f"{total['trades']} trades of {len(found['symbols'])} symbols, {total['wins']} with a gain"
    return "\n".join(
        [table, "", f"{won}, charges {show.rupees(total['charges'])}, net {show.rupees(total['net'])}", *found["notes"]]
    )


def _text(found: dict[str, Any]) -> str:
    rows = [trade_cells(trade) for trade in found["trades"]]
    title = f"{found['symbol']} {found['from']} to {found['to']}"
    table = show.table(TRADE_COLUMNS, rows, title=title, empty="no trade was closed.")
    held = f"; {found['open']} shares still held" if found["open"] else ""
    return f"{table}\n\n{len(rows)} trades, {found['winners']} with a gain, net {show.rupees(found['net'])}{held}"
