"""Commands that only read the ledger: positions, signals, executions, why."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.completion import symbols
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_task, check_word
from tradectl.cli.options import LOOK, Limit, Session, TaskName, parse_day
from tradectl.errors import UsageError
from tradectl.model.moment import ist_date
from tradectl.model.symbols import spelled
from tradectl.report.result_sentences import sentence

app = typer.Typer()


@command(app, panel=LOOK)
def positions(
    invocation: Invocation,
    closed: Annotated[bool, typer.Option("--closed", help="Closed positions, newest first.")] = False,
    limit: Limit = 200,
) -> Answer:
    """List open positions with the last advice of the position monitor."""
    from tradectl.report import positions as report
    from tradectl.runtime.exposure import unprotected_now

    world = invocation.world(read_only=True)
    exposed = () if closed else unprotected_now(world)
    found = report.listing(world.ledger.database, world.user, closed=closed, limit=limit, unprotected=exposed)
    return Answer(found, lambda: _closed(found) if closed else _open(found))


def _open(found: list[dict[str, Any]]) -> str:
    named = output.strategy_column(found)
    columns = ("symbol", *named, ">quantity", ">average", ">cost", "buys", "opened", "advice", "reason")
    rows = [
        (
            item["symbol"], *(item[name] for name in named),
            item["quantity"], output.rupees(item["average"]), output.rupees(item["cost"]), item["buys"],
            item["opened_session"], (item["monitor"] or {}).get("verdict"), (item["monitor"] or {}).get("reason"),
        )
        for item in found
    ]  # fmt: skip
    exposed = [output.unprotected(item["unprotected"]) for item in found if item["unprotected"]]
    return "\n".join([*exposed, output.table(columns, rows, empty="No open positions.")])


def _closed(found: list[dict[str, Any]]) -> str:
    named = output.strategy_column(found)
    columns = ("symbol", *named, "opened", "closed", ">bought", ">sold", ">gross", ">charges", ">net")
    rows = [
        (
            item["symbol"], *(item[name] for name in named),
            item["opened_session"], item["closed_session"], output.rupees(item["bought"]),
            output.rupees(item["sold"]),
            output.rupees(item["realised"]),
            output.rupees(item["charges"]), output.rupees(item["net"]),
        )
        for item in found
    ]  # fmt: skip
    return output.table(columns, rows, empty="No closed positions.")


@command(app, panel=LOOK)
def signals(
    invocation: Invocation,
    session: Session = "",
    first: Annotated[str, typer.Option("--from", help="All analyses from this session on.", metavar="YYYY-MM-DD")] = "",
    last: Annotated[str, typer.Option("--to", help="All analyses up to this session.", metavar="YYYY-MM-DD")] = "",
) -> Answer:
    """List the signals for one session by rank (default: the newest session), or with --from or --to those of a span with
    their reasons."""
    from tradectl.report import signals as report

    world = invocation.world(read_only=True)
    day = parse_day(session)
    if first or last:
        if day:
            raise UsageError("--session selects one session, --from and --to a span")
        span = parse_day(first) or date.min, parse_day(last) or date.max
        found = report.listing(world.ledger.database, world.user, analysed=span)
        return Answer(found, lambda: _signals_of_span(found))
    found = report.listing(world.ledger.database, world.user, session=day)
    named = output.strategy_column(found)
    rsi = () if named else (">RSI",)  # the column of the strategy takes its place
    columns = (
        "rank",
        "symbol",
        *named,
        "verdict",
        "for",
        ">close",
        ">limit",
        *rsi,
        ">combined",
        ">strength",
        ">backtest",
        "data",
        "status",
    )
    rows = (
        (
            item["rank"], item["symbol"], *(item[name] for name in named),
            item["verdict"], item["for_session"], output.rupees(item["close"]),
            output.rupees(item["limit_price"]), *(item["rsi"] for _ in rsi), item["combined"], item["strength"], item["backtest"],
            item["data_state"], item["status"],
        )
        for item in found
    )  # fmt: skip
    return Answer(found, lambda: output.table(columns, rows, empty="No signals."), session=day)


def _signals_of_span(found: list[dict[str, Any]]) -> str:
    named = output.strategy_column(found)
    rows = [
        (
            item["analysed"], item["rank"], item["symbol"], *(item[name] for name in named),
            item["verdict"], output.rupees(item["close"]),
            output.rupees(item["limit_price"]), item["rsi"], item["reason"],
        )
        for item in found
    ]  # fmt: skip
    return output.table(
        ("analysed", "rank", "symbol", *named, "verdict", ">close", ">limit", ">RSI", "reason"), rows, empty="No signals."
    )


@command(app, panel=LOOK)
def executions(
    invocation: Invocation,
    session: Session = "",
    task: TaskName = "",
    status: Annotated[str, typer.Option(help="Only this status: running, completed, failed, missed.", metavar="STATUS")] = "",
    limit: Limit = 50,
) -> Answer:
    """List the runs of the tasks, newest first.

    A run that a process left unfinished is released (the next command continues it) or abandoned (the process is dead)."""
    from tradectl.ledger.schema import EXECUTION_STATUSES
    from tradectl.report import executions as report

    check_task(task)
    check_word("status", status, EXECUTION_STATUSES)
    world = invocation.world(read_only=True)
    day = parse_day(session)
    found = report.listing(world.ledger.database, world.user, session=day, task=task, status=status, limit=limit)
    columns = ("session", "task", "slot", "status", ">attempt", "trigger", "started", ">seconds", ">steps", "result")
    rows = (
        (
            item["session_date"], item["task"], item["slot"], _standing(item), item["attempt"], item["trigger"],
            output.moment(item["started_at"]), item["duration"], item["steps"],
            item["error"] or sentence(item["result"]),
        )
        for item in found
    )  # fmt: skip
    return Answer(found, lambda: output.table(columns, rows, empty="No task has run."), session=day)


def _standing(item: dict[str, Any]) -> str:
    """Return the status of an execution; one that is not finished is only running if a process holds it."""
    from tradectl.ledger.process_identity import is_alive

    if item["status"] != "running":
        return str(item["status"])
    return "released" if item["owner"] is None else "running" if is_alive(item["owner"]) else "abandoned"


@command(app, panel=LOOK)
def why(
    invocation: Invocation,
    symbol: Annotated[str, typer.Argument(help="A symbol, today's or an older name.", metavar="SYMBOL", autocompletion=symbols)],
    session: Annotated[
        list[str] | None, typer.Option("--session", help="Decisions of this session; may be repeated.", metavar="YYYY-MM-DD")
    ] = None,
    limit: Limit = 50,
) -> Answer:
    """Show why a symbol was bought, sold or left: every decision with rule, reason and inputs, and your notes, newest first."""
    from tradectl.report import why as report
    from tradectl.report.notes import as_decisions

    world = invocation.world(read_only=True)
    days = [day for day in map(parse_day, session or []) if day]
    whose = {world.user, world.ledger.signals_owner(world.parameters.signals_from)}
    found = report.decisions(world.ledger.database, whose, symbol, sessions=days, limit=limit)
    noted = as_decisions(world.ledger, {spelled(symbol), *(item["symbol"] for item in found)}, days)
    found = sorted([*found, *noted], key=lambda item: str(item["at"]), reverse=True)[:limit]
    if not found:
        world.market.find(
            symbol, ist_date(world.clock.now())
        )  # raises for an unknown symbol: the result must not be empty by a typing error
    columns = ("session", "task", "verdict", "rule", "reason", "inputs")
    rows = (
        (
            item["session_date"], f"{item['task']} {item['slot']}".strip(), item["verdict"], item["rule"], item["reason"],
            output.inputs(item["inputs"]),
        )
        for item in found
    )  # fmt: skip
    empty = f"There is no decision about {spelled(symbol)}."
    return Answer(found, lambda: output.table(columns, rows, empty=empty))
