"""`backtest`: the rules on one symbol, limits out of the way; the same trades as `simulate` of it alone."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.simulate import TRADE_COLUMNS, Set, settings_of, trade_cells
from tradectl.errors import DataError
from tradectl.model.money import to_rupees

app = typer.Typer()


@command(app, panel=RESEARCH)
def backtest(
    call: Call,
    symbol: Annotated[str, typer.Argument(help="A symbol, today's or an older name.", metavar="SYMBOL")],
    first: Annotated[
        str, typer.Option("--from", help="First session; the first stored one unless told.", metavar="YYYY-MM-DD")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last session; the last stored one unless told.", metavar="YYYY-MM-DD")] = "",
    changes: Set = None,
) -> Answer:
    """What the rules would have traded in one symbol, with funds and portfolio limits out of the way."""
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


def _text(found: dict[str, Any]) -> str:
    rows = [trade_cells(trade) for trade in found["trades"]]
    title = f"{found['symbol']} {found['from']} to {found['to']}"
    table = show.table(TRADE_COLUMNS, rows, title=title, empty="no trade was closed.")
    held = f"; {found['open']} shares still held" if found["open"] else ""
    return f"{table}\n\n{len(rows)} trades, {found['winners']} with a gain, net {show.rupees(found['net'])}{held}"
