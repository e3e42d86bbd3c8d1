"""Run past sessions through the same tasks as trading, and report the result (`simulate`)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.completion import strategy_names
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.progress import bar
from tradectl.errors import UsageError
from tradectl.model.moment import at_ist
from tradectl.model.symbols import spelled
from tradectl.report.result_sentences import counted

if TYPE_CHECKING:
    from tradectl.bootstrap.simulated_strategies import SimulatedStrategy
    from tradectl.runtime.simulate import Seed

app = typer.Typer()
CLOCK_STARTS = time(7, 30)
"""The time (IST) at which the simulated clock starts on the first session, before the first task of a day."""

From = Annotated[str, typer.Option("--from", help="First session.", metavar="YYYY-MM-DD")]
To = Annotated[str, typer.Option("--to", help="Last session.", metavar="YYYY-MM-DD")]
Universe = Annotated[str, typer.Option(help="A list, a file of symbols, or A,B,C; default: the user's universe.", metavar="NAME")]
Capital = Annotated[str, typer.Option(help="Trading capital in rupees; default: the user's.", metavar="RUPEES")]
Every = Annotated[int, typer.Option(help="Minutes between two steps of the sell monitor.", min=1, max=60, metavar="MINUTES")]
NoLimits = Annotated[bool, typer.Option("--no-limits", help="Switch off the portfolio's limits, as in `backtest`.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting for this run, as in `config set`.", metavar="NAME=VALUE")]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        help="A strategy file of the home, with its share of the capital; once for each strategy. "
        "Default: the strategies that the home uses.",
        metavar="NAME[:SHARE]",
        autocompletion=strategy_names,
    ),
]
Hold = Annotated[
    list[str] | None,
    typer.Option(help="Buy shares at a session's close, by an ordinary order.", metavar="SYMBOL:QUANTITY@YYYY-MM-DD"),
]
Keep = Annotated[Path | None, typer.Option(help="Keep the simulated ledger and exchange in this (new) folder.", metavar="FOLDER")]


@command(app, panel=RESEARCH)
def simulate(
    invocation: Invocation,
    first: From,
    last: To,
    strategy: Named = None,
    universe: Universe = "",
    capital: Capital = "",
    every: Every = 1,
    no_limits: NoLimits = False,
    changes: Set = None,
    hold: Hold = None,
    keep: Keep = None,
) -> Answer:
    """Run past sessions minute by minute through the trading tasks, on a throw-away paper account.

    With --strategy a file of the home decides: `--strategy rsi2-dip`, or two with shares of the capital: `--strategy rsi2-dip:0.6
    --strategy ema9-reversion:0.4`. Its file needs no passed check. --set changes its parameters, too; where two strategies have
    one parameter, `--set rsi2-dip.oversold=5`.
    """
    from tradectl.strategy.parameters import WITHOUT_LIMITS

    start, end = days(first, last)
    strategies = None
    if strategy:
        from tradectl.cli.simulated_strategies import strategies_of

        strategies, changes = strategies_of(invocation, strategy, changes or [], universe)
    settings = (dict(WITHOUT_LIMITS) if no_limits else {}) | ({"universe": universe} if universe else {}) | settings_of(changes)
    with folder_of(keep) as folder:
        found = simulated(
            invocation,
            folder,
            start,
            end,
            capital=capital,
            every=every,
            settings=settings,
            seeds=[seed_of(text) for text in hold or []],
            strategies=strategies,
            alone=keep is None,
        )
    code = 0 if found["reconciled"] else 1
    error = None if found["reconciled"] else "ledger and exchange disagree: " + "; ".join(found["differences"])
    return Answer(found, lambda: text_of(found), exit_code=code, error=error, outcome="completed" if not code else "failed")


def days(first: str, last: str) -> tuple[date, date]:
    """Return `--from` and `--to` as dates. Raises UsageError if one is missing, or if `--to` is earlier."""
    start, end = parse_day(first), parse_day(last)
    if start is None or end is None:
        raise UsageError("--from and --to are needed")
    if end < start:
        raise UsageError(f"--to {last} is before --from {first}")
    return start, end


def settings_of(changes: list[str] | None) -> dict[str, str]:
    """Return the settings of `NAME=VALUE` texts. Raises UsageError for an unknown name or an invalid value."""
    from tradectl.strategy.parameters import parse

    found = {}
    for change in changes or []:
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"a setting is written NAME=VALUE, not {change!r}")
        parse(name, value)
        found[name] = value
    return found


def seed_of(text: str) -> Seed:
    """Return the position to begin with from a text such as `NESTLEIND:10@2024-01-04`. Raises UsageError."""
    from tradectl.runtime.simulate import Seed

    parts = re.fullmatch(r"([^@]+):([1-9]\d*)@(\d{4}-\d{2}-\d{2})", text)
    day = parse_day(parts[3]) if parts else None
    if parts is None or day is None:
        raise UsageError(f"a position to hold is written SYMBOL:QUANTITY@YYYY-MM-DD, not {text!r}")
    return Seed(spelled(parts[1]), int(parts[2]), day)


@contextmanager
def folder_of(keep: Path | None) -> Iterator[Path]:
    """Yield the folder of the simulated account: a temporary folder, or `keep`. Raises UsageError if `keep` is not empty."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="tradectl-simulation-") as folder:
            yield Path(folder)
        return
    if keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty; --keep needs a new folder")
    yield keep


def simulated(
    invocation: Invocation,
    folder: Path,
    first: date,
    last: date,
    *,
    capital: str = "",
    every: int = 1,
    settings: dict[str, str],
    seeds: list[Seed] | None = None,
    strategies: list[SimulatedStrategy] | None = None,
    alone: bool = False,
) -> dict[str, Any]:
    """Simulate in `folder` and return the JSON result. `alone`: no other process reads the folder meanwhile."""
    from tradectl import bootstrap
    from tradectl.cli.user import rupees
    from tradectl.clock import stopwatch
    from tradectl.report import simulation
    from tradectl.runtime.registry import all_tasks
    from tradectl.runtime.simulate import simulate as run

    world = bootstrap.open_simulation(
        invocation.required_settings(),
        folder,
        start=at_ist(first, CLOCK_STARTS),
        capital=rupees(capital) if capital else None,
        changes=settings,
        step=every,
        alone=alone,
        strategies=strategies,
    )
    invocation.user, invocation.mode = world.user, world.mode
    begun = stopwatch()
    with closing(world), bar("simulating", quiet=invocation.quiet or invocation.as_json) as tell:

        def progress(done: int, total: int, session: date) -> None:
            tell(session.isoformat(), done, total)

        done = run(world, all_tasks(), first, last, seeds=seeds or [], every=every * 60, progress=progress)
        return simulation.result(world, done, world.broker.statement(), stopwatch() - begun)


TRADE_COLUMNS = ("entry", "exit", ">quantity", ">bought at", ">sold at", ">charges", ">net")


def trade_cells(trade: dict[str, Any]) -> tuple[Any, ...]:
    """Return a trade of a JSON result as the cells of `TRADE_COLUMNS`."""
    prices = (output.rupees(trade[name]) for name in ("entry_price", "exit_price", "charges", "net"))
    return trade["entry_session"], trade["exit_session"], trade["quantity"], *prices


def text_of(found: dict[str, Any]) -> str:
    """Return the report as text."""
    columns = ("symbol", *TRADE_COLUMNS)
    rows = [(trade["symbol"], *trade_cells(trade)) for trade in found["trades"]]
    won = sum(not trade["net"].startswith("-") for trade in found["trades"])
    held = counted(len(found["open_positions"]), "position")
    lines = [
        output.table(columns, rows, empty="No trade was closed."),
        "",
        f"{found['sessions']} sessions, {found['first']} to {found['last']}, {found['sessions_per_second']} a second",
        f"{counted(len(rows), 'trade')} closed, {won} with a gain; {held} open",
        f"realised {output.rupees(found['realised_pnl'])}, unrealised {output.rupees(found['unrealised_pnl'])}, both after "
        f"charges of {output.rupees(found['charges'])} (by the table {found['charges_of']['title']}); "
        f"dividends {output.rupees(found['dividends'])}",
        f"capital {output.rupees(found['capital'])} is now {output.rupees(found['equity'])}; "
        f"largest drawdown {found['max_drawdown'] * 100:.2f} %",
        "ledger and exchange agree to the paisa" if found["reconciled"] else "ledger and exchange DISAGREE",
    ]
    lines[2:2] = [
        f"{name}: {counted(item['trades'], 'trade')}, {item['winners']} with a gain, net {output.rupees(item['net'])}, "
        f"{counted(item['open'], 'position')} open"
        for name, item in found.get("strategies", {}).items()
    ]
    lines += [f"{item['session']} {item['task']}: {item['error']}" for item in found["troubles"]]
    return "\n".join(lines)
