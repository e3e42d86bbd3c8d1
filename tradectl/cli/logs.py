"""Show the user's log, follow it, search it, or print one line for each run of a task (`logs`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_symbol, check_task
from tradectl.cli.options import LOOK, Limit, Symbol, TaskName, parse_day
from tradectl.control_characters import in_json
from tradectl.control_characters import lines as on_lines
from tradectl.errors import UsageError
from tradectl.redaction import redacted

if TYPE_CHECKING:
    from tradectl.world import World

app = typer.Typer()
COLUMNS = ("at", "level", "task", "action", "symbol", "message")
Row = dict[str, Any]


@command(app, panel=LOOK)
def logs(
    invocation: Invocation,
    day: Annotated[str, typer.Option(help="Only this date in India.", metavar="YYYY-MM-DD")] = "",
    level: Annotated[str, typer.Option(help="This level and above: debug, info, warning, error.", metavar="LEVEL")] = "",
    task: TaskName = "",
    symbol: Symbol = "",
    action: Annotated[str, typer.Option(help="Only this action.", metavar="ACTION")] = "",
    search: Annotated[str, typer.Option(help="Only lines with all of these words, in any case.", metavar="WORDS")] = "",
    executions: Annotated[bool, typer.Option("--executions", help="One line for each run of a task, with its figures.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines as they come, until Ctrl-C.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="One JSON object a line, for a log collector.")] = False,
    limit: Limit = 100,
) -> Answer:
    """Show the newest lines of the user's log, oldest first.

    With --follow or --jsonl stdout is a stream of lines. The setting log_days decides how long lines are kept."""
    check_task(task)
    if invocation.as_json and (follow or jsonl):
        raise UsageError("--json prints one object: use --jsonl for one object a line")
    if executions and (level or symbol or action or search):
        raise UsageError("--executions goes with --day, --task, --follow, --jsonl and --limit alone")
    world = invocation.world(read_only=True)
    if follow and world.clock.virtual:
        raise UsageError("--follow needs the machine's clock: leave --at out")
    selected = _Selected(world, day, level, task, symbol, action, search, limit)
    found = selected.executions() if executions else selected.rows(0)
    if symbol and not found:
        check_symbol(world, symbol)
    if not follow and not jsonl:
        text = (lambda: "\n".join(map(canonical, found)) or "No task has run.") if executions else (lambda: _table(found))
        return Answer(found, text)
    printed: Callable[[Row], str] = _json if jsonl else canonical if executions else _line
    for row in found:
        _print(printed(row))
    if follow:
        return _follow(world, selected.new_executions(found) if executions else selected.new_rows(found), printed)
    return Answer()


class _Selected(Struct, frozen=True):
    """What the options of `logs` select."""

    world: World
    day: str
    level: str
    task: str
    symbol: str
    action: str
    search: str
    limit: int

    def rows(self, after_id: int) -> list[Row]:
        """Return lines of the log after an id, oldest first."""
        from tradectl.report import logs as report

        return report.listing(
            self.world.ledger.database,
            self.world.user,
            day=parse_day(self.day),
            level=self.level,
            task=self.task,
            symbol=self.symbol,
            action=self.action,
            search=self.search,
            after_id=after_id,
            limit=self.limit if not after_id else 100_000,
        )

    def executions(self) -> list[Row]:
        """Return runs of tasks that have ended, oldest first."""
        from tradectl.report import executions as report

        of = self.world.ledger.database, self.world.user
        found = report.listing(*of, session=parse_day(self.day), task=self.task, limit=self.limit)
        return [row for row in reversed(found) if row["status"] != "running"]

    def new_rows(self, seen: list[Row]) -> Iterator[list[Row]]:
        """Yield, at each call, the lines that were written since the call before."""
        last = seen[-1]["id"] if seen else self.world.ledger.logs.last_id()
        while True:
            found = self.rows(last) if last else self.rows(0)
            last = found[-1]["id"] if found else last
            yield found

    def new_executions(self, seen: list[Row]) -> Iterator[list[Row]]:
        """Yield, at each call, the runs that ended since the call before."""
        known = {(row["id"], row["attempt"], row["status"]) for row in seen}
        while True:
            found = [row for row in self.executions() if (row["id"], row["attempt"], row["status"]) not in known]
            known |= {(row["id"], row["attempt"], row["status"]) for row in found}
            yield found


def _follow(world: World, news: Iterator[list[Row]], printed: Callable[[Row], str]) -> Answer:
    """Print news each second until a signal; the exit code names the signal."""
    from tradectl.runtime.interrupt import stop_on_signals

    with stop_on_signals() as stop:
        while not stop.signal_number:
            for row in next(news):
                _print(printed(row))
            world.clock.sleep(1)
    return Answer(exit_code=128 + stop.signal_number)


def _print(line: str) -> None:
    typer.echo(line)


def _table(found: list[Row]) -> str:
    rows = [(output.moment(item["at"]), *(item[name] for name in COLUMNS[1:])) for item in found]
    return output.table(COLUMNS, rows, empty="The log is empty.", searched=True)


def _line(row: Row) -> str:
    """Return a line of the log as text."""
    parts = (output.moment(row["at"]), row["level"], row["task"], row["action"], row["symbol"], row["message"])
    return on_lines(redacted("  ".join(output.cell(part) for part in parts if part)))


def _json(row: Row) -> str:
    return in_json(redacted(json.dumps(row, ensure_ascii=False)))


def canonical(row: Row) -> str:
    """Return an execution as one line of `key=value`: task, session, slot, outcome, figures, error."""
    figures = {
        "at": row["finished_at"],
        "task": row["task"],
        "session": row["session_date"],
        "slot": row["slot"],
        "status": row["status"],
        "attempt": row["attempt"],
        "trigger": row["trigger"],
        "seconds": row["duration"],
        "steps": row["steps"],
        **{key: value for key, value in row["result"].items() if not isinstance(value, dict | list)},
        "error": row["error"],
    }
    parts = (f"{key}={_quoted(value)}" for key, value in figures.items() if value not in {None, ""})
    return output.cell(redacted(" ".join(parts)))


def _quoted(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(mark in text for mark in ' "=') else text
