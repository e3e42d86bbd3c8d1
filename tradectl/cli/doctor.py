"""Check before the day whether it can be traded (`doctor`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import asdict

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.login import broker_account
from tradectl.cli.options import OPERATE
from tradectl.errors import ConfigurationError, DatabaseError, UsageError

if TYPE_CHECKING:
    from tradectl.doctor import Finding
    from tradectl.world import World

app = typer.Typer()


@command(app, panel=OPERATE)
def doctor(
    invocation: Invocation,
    offline: Annotated[bool, typer.Option("--offline", help="Check this machine only; send no request.")] = False,
    preflight: Annotated[
        bool,
        typer.Option("--preflight", help="Also check what today's first order needs, and send a message if a person must act."),
    ] = False,
) -> Answer:
    """Check everything that a trading day needs, here and at the broker. The exit code is that of the most severe finding.

    `crontab install` and `systemd install` start --preflight at 07:45 (IST), before the first slot. On a day without a session it
    checks nothing. With -q only what is wrong is printed."""
    from tradectl import bootstrap
    from tradectl.doctor import examine
    from tradectl.doctor import preflight as before_the_day
    from tradectl.doctor.files import writable
    from tradectl.doctor.finding import Finding, State, run
    from tradectl.model.moment import ist_date
    from tradectl.runtime.outcomes import gravity_of

    settings = invocation.required_settings()
    if not bootstrap.exists(settings):
        text = f"there is no home in {settings.home} yet: `tradectl init` creates one"
        raise ConfigurationError(text) if preflight else UsageError(text)  # as each line of a crontab ends without its home
    (files,) = run([("files", lambda: writable(settings))])
    try:
        world = invocation.world()
    except DatabaseError as error:
        if files.state is State.FINE:
            raise
        return Answer([asdict(files)], lambda: _text([files]), exit_code=files.exit_code, error=str(error), outcome="failed")
    found: list[Finding] = []
    if preflight:
        session = before_the_day.todays_session(world)
        if session is None:
            day = ist_date(world.clock.now())
            nothing = Finding("session", State.FINE, f"{day} is no run session: nothing trades today")
            return Answer([asdict(nothing)], lambda: _text([nothing]), session=day)
        found += run(before_the_day.checks(world, session))
    account = broker_account(invocation) if world.mode == "live" or world.prices_of else None
    found += list(examine(settings, world, bootstrap.open_store(settings), account, offline=offline))
    code = max((item.exit_code for item in found), key=gravity_of)
    if preflight:
        _send(invocation, world, found)
    shown = partial(_wrong if invocation.quiet else _text, found)
    return Answer([asdict(item) for item in found], shown, exit_code=code, session=ist_date(world.clock.now()))


def _send(invocation: Invocation, world: World, found: list[Finding]) -> None:
    """Queue one message a day about what is wrong before the first order, and deliver it."""
    from tradectl.cli import operator
    from tradectl.model.moment import ist_date

    wrong = [item for item in found if item.state == "wrong"]
    if wrong:
        now = world.clock.now()
        lines = _distinct(wrong)
        body = "\n".join([*lines, "Orders of today may be missing or refused. `tradectl doctor --preflight` checks again."])
        key = f"preflight:{ist_date(now)}"
        world.ledger.outbox.add(now, "The day cannot be traded as it is", body, key)
        operator.deliver(invocation)


def _wrong(found: list[Finding]) -> str:
    """Return a line for each finding that is wrong."""
    return "\n".join(_distinct([item for item in found if item.state == "wrong"]))


def _distinct(found: list[Finding]) -> list[str]:
    """Return a line for each finding; two checks may find the same."""
    first = {item.text: item.check for item in reversed(found)}
    return [f"{check}: {text}" for text, check in reversed(first.items())]


def _rows(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Return the state, the check and the text of each finding; a text that an earlier one has is replaced by its name."""
    first: dict[str, str] = {}
    rows = []
    for item in found:
        known = first.setdefault(item.text, item.check)
        text = item.text if known == item.check else f"see {known}"
        rows.append((item.state if item.state != "fine" else "", item.check, text))
    return rows


def _text(found: list[Finding]) -> str:
    rows = _rows(found)
    counted = {state: sum(item.state == state for item in found) for state in ("wrong", "look")}
    end = ", ".join(f"{count} {state}" for state, count in counted.items() if count) or "no problem found"
    return f"{output.table(('', 'check', 'finding'), rows)}\n\n{end}"
