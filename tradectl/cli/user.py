"""List and add the users of a ledger (`user`)."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import CONFIGURE
from tradectl.errors import UsageError
from tradectl.halt_marker import MarkerFile
from tradectl.model.trading_state import ACTIVE

app = typer.Typer(name="user", rich_help_panel=CONFIGURE, cls=ListGroup, help="Users: list, add.")


@command(app, "list")
def listing(invocation: Invocation) -> Answer:
    """List the users of this ledger."""
    from tradectl.model.money import to_rupees
    from tradectl.report.values import value

    found = [
        {"user": item.user, "role": item.role, "trading_state": item.trading_state, "state_reason": item.state_reason}
        | {"capital": to_rupees(item.capital), "created_at": value(item.created_at)}
        for item in invocation.world(read_only=True).ledger.users.list()
    ]
    rows = [
        (
            item["user"],
            item["role"],
            item["trading_state"],
            output.rupees(item["capital"]),
            output.moment(item["created_at"]),
        )
        for item in found
    ]
    return Answer(found, lambda: output.table(("user", "role", "state", ">capital", "since"), rows))


@command(app)
def add(
    invocation: Invocation,
    name: Annotated[str, typer.Argument(help="The new user's name.", metavar="NAME")],
    capital: Annotated[str, typer.Option(help="Trading capital in rupees.", metavar="RUPEES")] = "1000000",
    role: Annotated[str, typer.Option(help="admin or user.", metavar="ROLE")] = "user",
) -> Answer:
    """Add a user, with the default timetable."""
    from tradectl.runtime import registry

    world = invocation.world()
    paise = rupees(capital)
    user = world.ledger.users.add(name, capital=paise, created_at=world.clock.now(), role=role)
    world.ledger.for_user(name).schedules.seed(registry.all_tasks())
    MarkerFile(invocation.required_settings().home, name).make(ACTIVE, world.clock.now())
    return Answer({"user": user.user, "role": user.role}, f"{user.user} is a {user.role} now")


def rupees(text: str) -> int:
    """Return rupees from the command line as paise. Raises UsageError for a text that is no amount."""
    from tradectl.model.money import to_paise

    try:
        return to_paise(text.replace(",", ""))
    except ValueError as error:
        raise UsageError(str(error)) from error
