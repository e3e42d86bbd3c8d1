"""The program `tradectl`: its root command, the global options, and the handling of unexpected errors."""

from __future__ import annotations

import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from tradectl import __version__
from tradectl.cli.columns import choose
from tradectl.cli.group import Root
from tradectl.cli.invocation import Answer, Invocation
from tradectl.clock import SystemClock
from tradectl.control_characters import lines, one_line
from tradectl.file_permissions import close, close_by_default
from tradectl.redaction import scrubbed, words_scrubbed
from tradectl.settings import load, load_readable

ALWAYS = frozenset({"halt"})
"""Commands that work without readable settings, and report that."""

app = typer.Typer(cls=Root, no_args_is_help=False, pretty_exceptions_enable=False)


def _version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        raise typer.Exit(ctx.obj.answer(Answer({"version": __version__}, f"tradectl {__version__}")))


@app.callback(epilog="Times are Indian time. Every command has --help; `tradectl help` lists the manual.")
def root(
    ctx: typer.Context,
    user: Annotated[str | None, typer.Option(help="The account's user; or TRADECTL_USER.", metavar="NAME")] = None,
    db: Annotated[
        str | None, typer.Option(help="The ledger, a file or a database URL; or TRADECTL_DB.", metavar="PATH|URL")
    ] = None,
    home: Annotated[
        str | None, typer.Option(help="The home folder; or TRADECTL_HOME; default: ~/.tradectl.", metavar="PATH")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="On paper, use this moment: '2023-07-21 09:15', Indian time; or TRADECTL_AT.", metavar="WHEN"),
    ] = None,
    columns: Annotated[str, typer.Option(help="Columns of a table, in this order: 'symbol,last'.", metavar="NAME,NAME")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on success.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print more on stderr.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)] = False,  # noqa: ARG001
) -> None:
    """Run an automated swing-trading day on India's NSE.

    Each task is a command that is safe to repeat; one ledger records everything."""
    invocation: Invocation = ctx.obj
    invocation.as_json, invocation.quiet, invocation.verbose = json, quiet, verbose
    invocation.database = db
    choose(columns)
    read = load_readable if ctx.invoked_subcommand in ALWAYS else load
    invocation.settings = read(user=user, database=db, home=home, at=at)


def main() -> None:
    """Run the command line and exit."""
    close_by_default()
    invocation = Invocation()
    sys.excepthook = partial(report_bug, invocation)
    try:
        typer.main.get_command(app).main(obj=invocation)
    finally:
        invocation.close()


def report_bug(invocation: Invocation, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an unexpected error: one line on stderr, the traceback into the log. Python then exits with 1."""
    text = scrubbed("".join(traceback.format_exception(kind, error, trace)))
    where = None if invocation.verbose else store_traceback(text, invocation)
    if where is None:
        typer.echo(lines(text), err=True, nl=False)
    kept = f"; the traceback is in {where}" if where else ""
    invocation.answer(
        Answer(outcome="failed", exit_code=1, error=f"this is a bug: {kind.__name__}: {' '.join(str(error).split())}{kept}")
    )


def store_traceback(text: str, invocation: Invocation) -> Path | None:
    """Write a traceback into the home's logs and return its path; None if that is not possible."""
    if invocation.settings is None:
        return None
    path = invocation.settings.logs / "bugs.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        close([path])
        with path.open("a", encoding="utf-8") as log:
            arguments = one_line(words_scrubbed(sys.argv[1:]))
            log.write(lines(f"--- {SystemClock().machine_now().isoformat()} tradectl {__version__} {arguments}\n{text}\n"))
    except OSError:
        return None
    return path
