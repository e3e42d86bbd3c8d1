"""Show, check and export the journal of changes (`audit`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import LOOK, Limit
from tradectl.errors import DatabaseError, UsageError

if TYPE_CHECKING:
    from tradectl.ledger.audit import Verification

app = typer.Typer(
    name="audit",
    rich_help_panel=LOOK,
    cls=ListGroup,
    help="The journal: who changed what (list), whether it is whole (verify), as a file (export).",
)
Heads = Annotated[
    list[str] | None,
    typer.Option("--head", help="A head from a daily message; may be repeated.", metavar="NUMBER:HASH"),
]


@command(app, "list")
def listing(
    invocation: Invocation,
    record: Annotated[str, typer.Option(help="Only this table, such as orders or users.", metavar="TABLE")] = "",
    key: Annotated[str, typer.Option(help="Only this row of the table: an order's number.", metavar="KEY")] = "",
    limit: Limit = 30,
) -> Answer:
    """List the newest entries: when, who, which row, and what changed. Amounts are in paise, moments within a row in UTC."""
    from tradectl.ledger.journal_triggers import WATCHED
    from tradectl.report.journal import newest

    known = [watched.name for watched in WATCHED]
    if record and record not in known:
        raise UsageError(f"the journal has no table {record!r}: it has {', '.join(sorted(known))}")
    found = newest(invocation.world(read_only=True).ledger.database, record=record, key=key, limit=limit)
    columns = ("entry", "at", "actor", "record", "key", "change", "what")
    rows = [
        (
            item["entry"], output.moment(item["at"]), item["actor"], item["record"], item["key"], item["change"],
            output.inputs(item["values"], 120),
        )
        for item in found
    ]  # fmt: skip
    return Answer(found, lambda: output.table(columns, rows, empty="The journal has no entry."))


@command(app)
def verify(
    invocation: Invocation,
    file: Annotated[Path | None, typer.Argument(help="A file of `audit export`; default: the ledger.", metavar="[FILE]")] = None,
    head: Heads = None,
) -> Answer:
    """Check that no entry was changed, removed or moved, and that the ledger's rows are what the journal says.

    Exit 10 if something differs. A head that you kept elsewhere also proves that the journal was not written anew."""
    from tradectl.ledger import audit

    if file is None:
        checked = audit.verify(invocation.world(read_only=True).ledger.database, head or ())
    else:
        checked = _read(file, head or [])
    return _answer(checked, f"{file}" if file is not None else "the journal")


@command(app)
def export(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(help="The new file; an existing one is replaced.", metavar="FILE")],
) -> Answer:
    """Write the whole journal as JSON Lines, and check it meanwhile. `audit verify FILE` checks the file without the ledger."""
    from tradectl.ledger import audit

    database = invocation.world(read_only=True).ledger.database
    try:
        written = audit.export(database, file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error
    return _answer(written, f"the journal, now also in {file} (mode 0600),")


def _read(file: Path, heads: list[str]) -> Verification:
    from tradectl.ledger import audit

    try:
        return audit.verify_file(file, heads)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}") from error


def _answer(checked: Verification, what: str) -> Answer:
    """Return the answer of a check; with findings it fails with the exit code of a damaged database."""
    found: dict[str, Any] = {
        "entries": checked.entries,
        "rows": checked.rows,
        "head": checked.head.short() if checked.head is not None else None,
        "findings": [{"entry": item.entry, "text": item.text} for item in checked.findings],
        "intact": not checked.findings,
    }
    if not checked.findings:
        return Answer(found, f"{what} is whole: {_counts(checked)}\nhead {found['head']}")
    error = f"{what} is not whole: {checked.findings[0].text}"
    code = DatabaseError.exit_code
    return Answer(found, lambda: _text(checked), exit_code=code, error=error)


def _text(checked: Verification) -> str:
    lines = [item.text for item in checked.findings]
    found = "1 finding" if len(lines) == 1 else f"{len(lines)} findings"
    return "\n".join([*lines, f"{_counts(checked)}; {found}. `tradectl help audit` says what to do"])


def _counts(checked: Verification) -> str:
    entries = "1 entry" if checked.entries == 1 else f"{checked.entries:,} entries"
    return f"{entries}, {checked.rows:,} rows of the ledger compared" if checked.rows else entries
