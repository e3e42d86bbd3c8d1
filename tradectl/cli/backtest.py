"""Run the rules over the past (`backtest`): symbols with money of their own, or all in one account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.completion import strategy_names, symbols
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.output_file import write_csv
from tradectl.cli.progress import bar
from tradectl.cli.report import content_in, format_of
from tradectl.cli.simulate import TRADE_COLUMNS, Set, settings_of, trade_cells
from tradectl.errors import LookAhead, UsageError
from tradectl.model.rule_names import REVERSION
from tradectl.report.result_sentences import counted

if TYPE_CHECKING:
    from tradectl.marketdata.store import Store
    from tradectl.research.backtests import AccountRequest, AccountRun, Alone, BacktestRequest
    from tradectl.strategy.column_rules import Rule

app = typer.Typer()

Symbol = Annotated[
    str,
    typer.Argument(
        help="A symbol, today's or an older name; or a list, a file of symbols, or A,B,C.",
        metavar="SYMBOL",
        autocompletion=symbols,
    ),
]
From = Annotated[str, typer.Option("--from", help="First session; default: the first stored one.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Last session; default: the last stored one.", metavar="YYYY-MM-DD")]
InOne = Annotated[bool, typer.Option("--portfolio", help="All symbols in one account, with its funds and limits, as `simulate`.")]
Capital = Annotated[
    str, typer.Option(help="With --portfolio: starting capital in rupees; default: the user's.", metavar="RUPEES")
]
RandomOrder = Annotated[
    int,
    typer.Option(
        help="With --portfolio: compare the result with this many random sequences of candidates.", min=0, metavar="NUMBER"
    ),
]
Seed = Annotated[
    int, typer.Option(help="Seed of the random sequences; the same seed gives the same result.", min=0, metavar="NUMBER")
]
Index = Annotated[
    str, typer.Option(help="With --portfolio: the imported symbol of the index; default: the list's own.", metavar="SYMBOL")
]
LookedAt = Annotated[
    int,
    typer.Option(
        "--look-ahead", help="Number of evenings to compute again without later bars; 0: no check.", min=0, metavar="NUMBER"
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report: a page with charts, or what the ending names (md, json, csv, xlsx, png).",
        metavar="FILE",
    ),
]
Entry = Annotated[
    str,
    typer.Option(help="Your own rule: buy after a close on which this condition is true.", metavar="CONDITION"),
]
Exit = Annotated[
    str, typer.Option("--exit", help="With --entry: sell at the next open when this is true at a close.", metavar="CONDITION")
]
Target = Annotated[
    str, typer.Option(help="With --entry: a sell order rests at this price, calculated before the session.", metavar="PRICE")
]
Stop = Annotated[
    str, typer.Option(help="With --entry: sell when the price falls to this, calculated before the session.", metavar="PRICE")
]
Named = Annotated[
    str,
    typer.Option(
        "--strategy",
        help="A strategy file of the home; --set changes its parameters, too.",
        metavar="NAME",
        autocompletion=strategy_names,
    ),
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write all trades, one per line, in exact rupees.", metavar="FILE")]


@command(app, panel=RESEARCH)
def backtest(
    invocation: Invocation,
    symbol: Symbol,
    first: From = "",
    last: To = "",
    entry: Entry = "",
    exit_: Exit = "",
    target: Target = "",
    stop: Stop = "",
    strategy: Named = "",
    portfolio: InOne = False,
    capital: Capital = "",
    random_order: RandomOrder = 0,
    seed: Seed = 1,
    index: Index = "",
    look_ahead: LookedAt = 5,
    csv_file: Csv = None,
    page: Report = None,
    changes: Set = None,
) -> Answer:
    """Show what the rules would have traded: in each symbol alone, or with --portfolio in one account.

    Alone, each trade of a symbol has its own money; funds and the portfolio's limits do not apply. In one account the
    candidates share the capital and the limits. The trades of the shipped rule are those of `simulate`. Some evenings are
    computed again without later bars: exit 13 if a decision changes. The result also counts the settings that could be fitted to
    the past.

    Your own rule needs --entry and at least one of --exit, --target and --stop: `tradectl backtest nifty50
    --entry "rsi(2) < 10 and close > sma(200)" --exit "close > sma(5)" --stop "entry - 3 * atr(14)"`.
    `tradectl help expressions` lists the words. --strategy takes the rule from a file of the home.
    """
    from tradectl.research import backtests
    from tradectl.research.look_ahead_checks import check_look_ahead
    from tradectl.research.reports.backtest import with_notes

    own = own_rule(invocation, strategy, (entry, exit_, target, stop), changes)
    account = account_of(invocation, portfolio, capital, index, random_order, seed)
    form = format_of(page) if page is not None else ""
    request = request_of(invocation, symbol, first, last, own)
    quiet = invocation.quiet or invocation.as_json
    with bar("backtest", quiet=quiet) as tell:
        run = backtests.run_account(request, account, tell) if account is not None else backtests.run_alone(request, tell)
        if isinstance(run, backtests.AccountRun):
            found, text = backtests.account_result(request, run), text_of_account
        else:
            found, text = backtests.result_alone(request, run), text_of_many if request.many else text_of_symbol
    with bar("checking", quiet=quiet) as tell:
        made_again = check_look_ahead(request, account.capital if account is not None else None, look_ahead, tell)
    since = request.market.surveillance_since()
    found = with_notes(found, request.parameters, made_again, since, rule=own.rule, name=own.name, values=own.values)
    if csv_file is not None:
        write_csv(csv_file, CSV_COLUMNS, found["trades"])
    if page is not None:
        found["report"] = _report(invocation, page, form, request, run, found["notes"])
    if not made_again.differences:
        return Answer(found, lambda: text(found))
    error = f"look-ahead: {len(made_again.differences)} differences, the first: {made_again.differences[0]}"
    return Answer(found, lambda: text(found), exit_code=LookAhead.exit_code, error=error, outcome="failed")


def _report(
    invocation: Invocation, file: Path, form: str, request: BacktestRequest, run: AccountRun | Alone, notes: list[str]
) -> str:
    """Write the report of a backtest and return its path. Raises ConfigurationError if it cannot be written."""
    from tradectl.bootstrap.reports import write_report
    from tradectl.clock import SystemClock
    from tradectl.report_page.figures import figures_of
    from tradectl.research.backtests import AccountRun
    from tradectl.research.reports.account_page import account_content, alone_content

    made_at = invocation.required_settings().at or SystemClock().now()
    if isinstance(run, AccountRun):
        content = account_content(request.name, run.own, run.benchmarks, request.market, notes=notes, made_at=made_at)
    else:
        content = alone_content(request.name, run, request.span, request.market, notes=notes, made_at=made_at)
    write_report(file, content_in(content, figures_of(content), form))
    invocation.note(f"report: {file.absolute()}")
    return str(file.absolute())


def account_of(
    invocation: Invocation, portfolio: bool, capital: str, index: str, orders: int, seed: int
) -> AccountRequest | None:
    """Return the requested account; None if each symbol is traded alone. Raises UsageError."""
    from tradectl import bootstrap
    from tradectl.cli.user import rupees
    from tradectl.research.backtests import AccountRequest

    given = {"--capital": capital, "--index": index, "--random-order": orders}
    stray = next((name for name, value in given.items() if value), "")
    if not portfolio:
        if stray:
            raise UsageError(f"{stray} needs --portfolio")
        return None
    money = rupees(capital) if capital else bootstrap.capital_of(invocation.required_settings())
    if money <= 0:
        raise UsageError("--capital must be more than 0")
    return AccountRequest(money, index, orders, seed)


class OwnRule(Struct, frozen=True):
    """The rule to backtest.

    `rule`: None for ema9-reversion. `settings`: the changed settings of the user. `values`: of the rule's parameters.
    """

    name: str
    rule: Rule | None
    settings: dict[str, str]
    values: dict[str, float] = {}


def own_rule(invocation: Invocation, strategy: str, parts: tuple[str, str, str, str], changes: list[str] | None) -> OwnRule:
    """Return the rule of `--strategy`, of `--entry` and the other `parts`, or the shipped one. Raises UsageError."""
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.research.reports.backtest import ONE_LINE
    from tradectl.research.rule_books import check_settings
    from tradectl.strategy.expressions.line_rule import parse_rule

    if strategy and any(parts):
        raise UsageError("--strategy names a file with a rule; --entry, --exit, --target and --stop write another one")
    if strategy and strategy != REVERSION:
        found = StrategyFolder(invocation.required_settings().home).read(strategy)
        names = {item.name for item in found.parameters}
        given = {
            change.partition("=")[0]: change.partition("=")[2] for change in changes or [] if change.partition("=")[0] in names
        }
        others = settings_of([change for change in changes or [] if change.partition("=")[0] not in names])
        rule: Rule | None = found.rule(given)
        values = found.values(given)
    else:
        rule, others, values = parse_rule(*parts), settings_of(changes), {}
    check_settings(rule, others)
    return OwnRule(strategy or ONE_LINE, rule, others, values)


def request_of(invocation: Invocation, name: str, first: str, last: str, own: OwnRule) -> BacktestRequest:
    """Return the symbols, the span and the rule to backtest. Raises UsageError, DataError."""
    from tradectl import bootstrap
    from tradectl.errors import DataError
    from tradectl.research.backtests import BacktestRequest, span_of

    settings = invocation.required_settings()
    parameters = bootstrap.parameters_of(settings, own.settings)
    begin, end = parse_day(first), parse_day(last)
    market = bootstrap.open_past(settings)
    newest = market.last_session()
    if newest is None:
        raise bootstrap.no_bars(settings)
    many = is_list(market, name)
    members = market.universe(name) if many else (market.find(name, end or newest),)
    instruments = tuple(member for member in members if market.history(member) is not None)
    if not instruments:
        raise DataError(f"there is no bar of {name}")
    span = span_of(market, instruments, begin, end)
    return BacktestRequest(settings, market, name, instruments, parameters, span, many, own.rule)


def is_list(market: Store, name: str) -> bool:
    """Return whether a name means several symbols, as in `--universe`."""
    known = {*market.lists(), "all"}
    return name.lower() in known or "," in name or "/" in name or Path(name).suffix in {".csv", ".txt"}


CSV_COLUMNS = (
    "symbol",
    "entry_session",
    "exit_session",
    "quantity",
    "entry_quantity",
    "entry_price",
    "exit_price",
    "gross",
    "charges",
    "net",
)
EVERY_TRADE = "every trade: --csv FILE, or --json"
SYMBOL_COLUMNS = ("symbol", ">trades", ">won", ">charges", ">net", ">net % a trade", ">held")


def text_of_symbol(found: dict[str, Any]) -> str:
    """Return the result of one symbol as text."""
    rows = [trade_cells(trade) for trade in found["trades"]]
    title = f"{found['symbol']} {found['from']} to {found['to']}"
    table = output.table(TRADE_COLUMNS, rows, title=title, empty="no trade was closed.")
    held = f"; {found['open']} shares still held" if found["open"] else ""
    summary = f"{counted(len(rows), 'trade')}, {found['winners']} with a gain, net {output.rupees(found['net'])}{held}"
    return "\n".join([table, "", summary, *still_held(found), "", *notes(found)])


def text_of_many(found: dict[str, Any]) -> str:
    """Return the result of several symbols, each with its own money, as text."""
    total = found["total"]
    won = f"{counted(total['trades'], 'trade')} of {counted(len(found['symbols']), 'symbol')}, {total['wins']} with a gain"
    summary = f"{won}, charges {output.rupees(total['charges'])}, net {output.rupees(total['net'])}"
    return "\n".join([by_symbol(found), "", summary, EVERY_TRADE, *still_held(found), "", *notes(found)])


def by_symbol(found: dict[str, Any]) -> str:
    """Return a table of the symbols that were traded or are held."""

    def cells(item: dict[str, Any]) -> tuple[Any, ...]:
        percent = f"{item['average_percent']:.2f}" if item["average_percent"] is not None else ""
        return item["trades"], item["wins"], output.rupees(item["charges"]), output.rupees(item["net"]), percent

    rows = [(item["symbol"], *cells(item), item["open"]) for item in found["symbols"] if item["trades"] or item["open"]]
    title = f"{found['universe']} {found['from']} to {found['to']}"
    return output.table(SYMBOL_COLUMNS, rows, title=title, empty="no trade was closed.")


def text_of_account(found: dict[str, Any]) -> str:
    """Return the result of all symbols in one account as text."""
    from tradectl.research.reports.portfolio import columns, compared, summary

    table = output.table(columns(found), compared(found), title="At the close of each session")
    return "\n".join([by_symbol(found), "", table, "", *summary(found), EVERY_TRADE, *still_held(found), "", *notes(found)])


def still_held(found: dict[str, Any]) -> list[str]:
    """Return the lots that are open at the end, with their sum; empty if there are none."""
    from tradectl.research.reports.open_lots import COLUMNS, cells

    if not found["open_lots"]:
        return []
    total = found["open_total"]
    rows = [cells(row, output.rupees) for row in found["open_lots"]]
    sums = (
        f"{counted(total['lots'], 'lot')} open, unrealised {output.rupees(total['unrealised'])}, after the charges of buying and "
        f"selling {output.rupees(total['unrealised_after_charges'])}; not in the net above"
    )
    return ["", output.table(COLUMNS, rows, title="Open at the end"), "", sums]


def notes(found: dict[str, Any]) -> list[str]:
    """Return the notes of a result, one line each."""
    return [f"- {note}" for note in found["notes"]]
