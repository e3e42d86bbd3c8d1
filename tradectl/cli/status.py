"""Show the state of the day and what needs a person (`status`)."""

from __future__ import annotations

import contextlib
import shutil
import sys
from datetime import date
from typing import Annotated, Any

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation, one_line
from tradectl.cli.options import OPERATE
from tradectl.control_characters import lines
from tradectl.errors import Ambiguous, DatabaseError, UsageError
from tradectl.halt_marker import MarkerFile, marked_users
from tradectl.redaction import redacted

app = typer.Typer()
UNPROTECTED = 11
"""The exit code while a position has no live sell order and needs a person."""


@command(app, panel=OPERATE)
def status(
    invocation: Invocation,
    watch: Annotated[bool, typer.Option("--watch", help="Show it until Ctrl-C, read again every few seconds.")] = False,
    every: Annotated[int, typer.Option("--every", help="With --watch: seconds between two reads.", min=1)] = 5,
) -> Answer:
    """Show the state of the account and the day.

    First come open positions without a live sell order in market hours and what else needs a person, each with the command that
    helps; then positions, the agenda, today's decisions, the account and the data. Exit 7 if the outcome of an order is not
    known. Exit 11 if a position has no sell, or if an unreadable row of the broker blocks a symbol of ours. If the ledger
    cannot be read, only the halt marker is shown: exit 10."""
    if watch:
        if invocation.as_json or not sys.stdout.isatty():
            raise UsageError("--watch needs a terminal; a script runs `tradectl status --json` again")
        if invocation.world(read_only=True).clock.virtual:
            raise UsageError("--watch needs the machine's clock: leave --at out")
        _watch(invocation, every)
        return Answer(text="")
    return _read(invocation)


def _read(invocation: Invocation) -> Answer:
    """Read the status once."""
    from tradectl.report import status as report

    try:
        found = report.status(invocation.world(read_only=True))
    except DatabaseError as error:
        return _without_ledger(invocation, error)
    home = invocation.required_settings().home
    found["disk"] = {"home": str(home), "free_bytes": shutil.disk_usage(home).free}
    day = date.fromisoformat(found["session"]["date"])
    exposed = any(item["grave"] for item in found["unprotected"]) or any(item["stops"] for item in found["odd_rows"])
    code = Ambiguous.exit_code if found["unknown_orders"] else UNPROTECTED if exposed else 0
    return Answer(found, lambda: text(invocation.user or "", found), session=day, exit_code=code)


def _watch(invocation: Invocation, seconds: int) -> None:
    """Draw the status again every few seconds until Ctrl-C."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    clock = invocation.world(read_only=True).clock

    def drawn() -> Text:
        answer = _read(invocation)
        shown = answer.text() if callable(answer.text) else answer.text
        return Text(lines(redacted("\n".join(filter(None, (answer.error, shown))))))

    with contextlib.suppress(KeyboardInterrupt), Live(drawn(), console=Console(), screen=True, auto_refresh=False) as live:
        while True:
            clock.sleep(seconds)
            live.update(drawn(), refresh=True)


def _without_ledger(invocation: Invocation, error: DatabaseError) -> Answer:
    """Return what is known without a ledger: the halt markers of the home."""
    from tradectl.report.status import marker_state

    settings = invocation.required_settings()
    users = [settings.user] if settings.user else marked_users(settings.home)
    markers = {user: marker_state(MarkerFile(settings.home, user)) for user in users}
    shown = [
        f"{user}: the halt marker is {found['state'] or 'not set'}{', ' if found['reason'] else ''}{found['reason']}"
        for user, found in markers.items()
    ]
    state = next(iter(markers.values()))["state"] if len(markers) == 1 else None
    return Answer(
        {"trading_state": state, "markers": markers}, "\n".join(shown), "failed", error.exit_code, error=one_line(error)
    )


def text(user: str, found: dict[str, Any]) -> str:
    """Return the whole status as text."""
    from tradectl.cli.status_page import page

    return page(user, found)
