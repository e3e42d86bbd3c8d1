"""Log in at the broker, for all processes, until the session ends (`login`)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.errors import ConfigurationError, LoginNeeded

if TYPE_CHECKING:
    from tradectl.brokers.account.live_account import LiveAccount
    from tradectl.brokers.account.read_only_account import ReadOnlyAccount
    from tradectl.brokers.adapter import Ask, Field

app = typer.Typer()


@command(app, panel=OPERATE)
def login(
    invocation: Invocation,
    again: Annotated[bool, typer.Option("--again", help="Log in again although a session is valid.")] = False,
) -> Answer:
    """Log in at the broker, or at the broker in a paper home's `quotes`: by prompts, or with one line a field on stdin."""
    from tradectl.report.values import value

    account = broker_account(invocation)
    session, fresh = account.login(ask(invocation), again=again)
    found: dict[str, Any] = {
        "broker": account.broker_name(),
        "logged_in_at": value(session.logged_in_at),
        "expires_at": value(session.expires_at),
        "seen_ip": session.seen_ip,
        "new": fresh,
    }
    seen = f", which reports this machine's address as {session.seen_ip}" if session.seen_ip else ""
    how = "logged in" if fresh else "logged in already"
    return Answer(found, f"{how} at {found['broker']}{seen}, until {output.moment(found['expires_at'])} IST")


def broker_account(invocation: Invocation) -> ReadOnlyAccount:
    """Return the user's account at a broker: the live account, or the source of prices of a paper home.

    Raises ConfigurationError in any other home."""
    from tradectl import bootstrap
    from tradectl.brokers.adapter import is_known

    world, settings = invocation.world(), invocation.required_settings()
    if world.mode == "paper" and is_known(settings.quotes):
        return bootstrap.read_only_account(settings, world.ledger, world.clock, world.market, world.sessions)
    return live_account(invocation)


def live_account(invocation: Invocation) -> LiveAccount:
    """Return the user's account at the broker. Raises ConfigurationError in a home that is not live."""
    from tradectl import bootstrap

    world = invocation.world()
    if world.mode != "live":
        raise ConfigurationError(
            f"this home is {world.mode}: it sends no orders; `init --mode live` in another --home creates one that does"
        )
    return bootstrap.live_account(invocation.required_settings(), world.ledger, world.clock, world.market, world.sessions)


def ask(invocation: Invocation) -> Ask:
    """Return a function that reads one field: by a prompt on a terminal (a secret without echo), else the next line of stdin."""

    def answer(field: Field) -> str:
        if sys.stdin.isatty():
            invocation.note(field.question)
            return str(typer.prompt(field.name, default=field.default, hide_input=field.secret, err=True)).strip()
        line = sys.stdin.readline().strip()
        if not line:
            raise LoginNeeded(f"{field.question}: stdin has no line for it")
        return line

    return answer
