"""Create a home (`init`)."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.cli.user import rupees
from tradectl.errors import UsageError

app = typer.Typer()


@command(app, panel=CONFIGURE)
def init(
    invocation: Invocation,
    capital: Annotated[str, typer.Option(help="Trading capital in rupees.", metavar="RUPEES")] = "1000000",
    mode: Annotated[str, typer.Option(help="paper or live; a database has one mode for ever.", metavar="MODE")] = "paper",
    broker: Annotated[str, typer.Option(help="The broker of a live home, see `broker list`.", metavar="NAME")] = "",
) -> Answer:
    """Create a home: the ledger, its first user (an admin), and the default timetable."""
    from tradectl import bootstrap

    paise = rupees(capital)
    if paise <= 0:
        raise UsageError("the capital must be more than 0")
    settings = invocation.required_settings()
    bootstrap.init(settings, user=settings.user or "me", capital=paise, mode=mode, broker=broker).close()
    invocation.user, invocation.mode = settings.user or "me", mode
    found = {"home": str(settings.home), "user": invocation.user, "mode": mode, "broker": broker or None}
    text = f"{settings.home} is a {mode} home of {invocation.user}"
    return Answer(found, f"{text} at {broker}: next, `broker set {broker}`, `login` and `broker arm`" if broker else text)
