"""Export trades, fills, orders, lots, daily returns and double-entry bookkeeping (`export`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_word
from tradectl.cli.options import LOOK, From, Symbol, To
from tradectl.cli.output_file import write_output
from tradectl.cli.pnl import span_of
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from tradectl.accounts.profit_and_loss import Span
    from tradectl.ledger.store import Ledger
    from tradectl.report.exports.tables import Table

app = typer.Typer()
TABLES, BOOKKEEPING, ALL = ("trades", "fills", "orders", "lots", "returns"), "bookkeeping", "all"
WHAT = (*TABLES, ALL, BOOKKEEPING)
FORMATS = {BOOKKEEPING: ("beancount", "ledger"), ALL: ("xlsx",)} | dict.fromkeys(TABLES, ("csv", "jsonl", "xlsx"))
"""The formats of each export, its default first. A file's ending names its format."""


@command(app, panel=LOOK)
def export(
    invocation: Invocation,
    what: Annotated[str, typer.Argument(help=f"{', '.join(WHAT[:-1])} or {WHAT[-1]}.", metavar="WHAT")],
    file: Annotated[Path | None, typer.Argument(help="Where to write; default: on the screen.", metavar="[FILE]")] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="csv, jsonl, xlsx, beancount or ledger; default: by the ending of FILE.", metavar="FORMAT"),
    ] = "",
    first: From = "",
    last: To = "",
    symbol: Symbol = "",
) -> Answer:
    """Export trades, fills, orders, lots or daily returns as a table, all of them as one XLSX, or double-entry bookkeeping.

    A span chooses trades by their sale, fills and orders by their session, and
    lots that are held at its end. The bookkeeping is always whole."""
    check_word("export", what, WHAT)
    form = _format(what, form, file)
    if form == "xlsx" and file is None:
        raise UsageError("xlsx needs a FILE")
    if what == BOOKKEEPING and (first or last or symbol):
        raise UsageError("the bookkeeping is always whole: --from, --to and --symbol do not apply")
    world = invocation.world(read_only=True)
    span = span_of(world, first, last, symbol)
    content, rows = _bookkeeping(world.ledger, form) if what == BOOKKEEPING else _tables(world.ledger, what, form, span)
    if file is not None:
        write_output(file, content)
    found = {"what": what, "format": form, "file": str(file) if file else None, "rows": rows}
    text = content.decode() if file is None else None
    noun = "transactions" if what == BOOKKEEPING else "rows"
    return Answer(found | {"content": text}, text.rstrip("\n") if text is not None else f"{file}: {rows} {noun}")


def _format(what: str, form: str, file: Path | None) -> str:
    """Return the format. Raises UsageError if what is exported does not have it."""
    ending = file.suffix.removeprefix(".") if file is not None else ""
    chosen = form or ending or FORMATS[what][0]
    if chosen not in FORMATS[what]:
        hint = "" if form or not ending else f"; {file} ends with .{ending}, so name the format with --format"
        raise UsageError(f"{what} can be exported as {' or '.join(FORMATS[what])}, not {chosen!r}{hint}")
    return chosen


def _bookkeeping(ledger: Ledger, form: str) -> tuple[bytes, int]:
    from tradectl.report.exports.beancount import beancount
    from tradectl.report.exports.bookkeeping import bookkeeping
    from tradectl.report.exports.ledger_cli import ledger_cli

    made = bookkeeping(ledger)
    return (beancount(made) if form == "beancount" else ledger_cli(made)), len(made.entries)


def _tables(ledger: Ledger, what: str, form: str, span: Span) -> tuple[bytes, int]:
    from tradectl.report.exports.spreadsheets import csv_bytes, json_lines, xlsx_bytes

    made = _made(ledger, TABLES if what == ALL else (what,), span)
    rows = sum(len(table.rows) for table in made)
    if form == "xlsx":
        return xlsx_bytes(made), rows
    return (csv_bytes if form == "csv" else json_lines)(made[0]), rows


def _made(ledger: Ledger, names: tuple[str, ...], span: Span) -> list[Table]:
    """Return the tables of these names."""
    from tradectl.accounts.noted import Noted
    from tradectl.accounts.trade_history import read_history
    from tradectl.report.exports import tables

    history, noted = read_history(ledger, through=span.last), Noted(ledger.notes.all())
    make: dict[str, Any] = {
        "trades": lambda: tables.trades(history, span, noted),
        "fills": lambda: tables.fills(history, span),
        "orders": lambda: tables.order_table(ledger, span, noted),
        "lots": lambda: tables.lots(history, span),
        "returns": lambda: tables.returns(ledger, span),
    }
    return [make[name]() for name in names]
