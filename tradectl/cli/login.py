"""`login`: a session at the broker, for all processes, until the broker ends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import OPERATE
from tradectl.errors import ConfigurationError, LoginNeeded

if TYPE_CHECKING:
    from tradectl.brokers.account.live import LiveAccount
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.brokers.adapter import Ask, Field

app = typer.Typer()


@command(app, panel=OPERATE)
def login(
    call: Call,
    again: Annotated[bool, typer.Option("--again", help="Also where a session is there that still holds.")] = False,
) -> Answer:
    """Log in at the broker, or that of a paper home's `quotes`. What it takes is asked, or read from stdin, a line each."""
    from tradectl.report.values import value

    account = broker_account(call)
    session, fresh = account.login(ask(call), again=again)
    found: dict[str, Any] = {
        "broker": account.broker_name(),
        "logged_in_at": value(session.logged_in_at),
        "expires_at": value(session.expires_at),
        "seen_ip": session.seen_ip,
        "new": fresh,
    }
    seen = f", which sees us at {session.seen_ip}" if session.seen_ip else ""
    how = "logged in" if fresh else "logged in already"
    return Answer(found, f"{how} at {found['broker']}{seen}, until {show.moment(found['expires_at'])} IST")


def broker_account(call: Call) -> ReadOnlyAccount:
    """The user's account at a broker: his live one, or in a paper home the one that it takes its prices from. ConfigurationError
    in any other home."""
    from tradectl import bootstrap
    from tradectl.brokers.adapter import is_known

    world, settings = call.world(), call.told()
    if world.mode == "paper" and is_known(settings.quotes):
        return bootstrap.read_only_account(settings, world.ledger, world.clock, world.market, world.sessions)
    return live_account(call)


def live_account(call: Call) -> LiveAccount:
    """The user's account at his broker. ConfigurationError in a home that is not live."""
    from tradectl import bootstrap

    world = call.world()
    if world.mode != "live":
        raise ConfigurationError(
            f"this home is {world.mode}: no order goes to a broker; `init --mode live` in another --home makes one that trades"
        )
    return bootstrap.live_account(call.told(), world.ledger, world.clock, world.market, world.sessions)


def ask(call: Call) -> Ask:
    """Asks on a terminal, without an echo where it is a secret; else takes the next line of stdin."""

    def answer(field: Field) -> str:
        if sys.stdin.isatty():
            call.say(field.question)
            return str(typer.prompt(field.name, default=field.default, hide_input=field.secret, err=True)).strip()
        line = sys.stdin.readline().strip()
        if not line:
            raise LoginNeeded(f"{field.question}: nobody answered on stdin")
        return line

    return answer
