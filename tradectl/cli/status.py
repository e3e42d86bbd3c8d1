"""Show the state of the day and what needs a person (`status`)."""

from __future__ import annotations

from datetime import date
from typing import Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation, one_line
from tradectl.cli.options import OPERATE
from tradectl.errors import Ambiguous, DatabaseError
from tradectl.halt_marker import MarkerFile, marked_users

app = typer.Typer()
UNPROTECTED = 11
"""The exit code while a position has no live sell order and needs a person."""
UNANSWERED = "sent, and no reply was recorded"
"""The text for an UNKNOWN order without a reason."""


@command(app, panel=OPERATE)
def status(invocation: Invocation) -> Answer:
    """Show the state of the account and the day.

    First come open positions without a live sell order in market hours, then the agenda, services, positions, orders, and what
    needs a person. Exit 7 if the outcome of an order is not known. Exit 11 if a position has no sell, or if an unreadable row
    of the broker blocks a symbol of ours. If the ledger cannot be read, only the halt marker is shown: exit 10."""
    from tradectl.report import status as report

    try:
        found = report.status(invocation.world(read_only=True))
    except DatabaseError as error:
        return _without_ledger(invocation, error)
    day = date.fromisoformat(found["session"]["date"])
    exposed = any(item["grave"] for item in found["unprotected"]) or any(item["stops"] for item in found["odd_rows"])
    code = Ambiguous.exit_code if found["unknown_orders"] else UNPROTECTED if exposed else 0
    return Answer(found, lambda: text(invocation.user or "", found), session=day, exit_code=code)


def _without_ledger(invocation: Invocation, error: DatabaseError) -> Answer:
    """Return what is known without a ledger: the halt markers of the home."""
    from tradectl.report.status import marker_state

    settings = invocation.required_settings()
    users = [settings.user] if settings.user else marked_users(settings.home)
    markers = {user: marker_state(MarkerFile(settings.home, user)) for user in users}
    lines = [
        f"{user}: the halt marker is {found['state'] or 'not set'}{', ' if found['reason'] else ''}{found['reason']}"
        for user, found in markers.items()
    ]
    state = next(iter(markers.values()))["state"] if len(markers) == 1 else None
    return Answer(
        {"trading_state": state, "markers": markers}, "\n".join(lines), "failed", error.exit_code, error=one_line(error)
    )


def text(user: str, found: dict[str, Any]) -> str:
    """Return the whole status as text."""
    found = output.flat(found)
    parts = [_unprotected(found), _head(user, found), _agenda(found), _account(found), _data(found), *_trouble(found)]
    return "\n\n".join(part for part in parts if part)


def _unprotected(found: dict[str, Any]) -> str:
    """Return the first lines: unprotected positions, and those that only need time."""
    return "\n".join(map(output.unprotected, found["unprotected"]))


def _head(user: str, found: dict[str, Any]) -> str:
    session = found["session"]
    clock = " (virtual clock)" if found["clock"] == "virtual" else ""
    proved = f"a provisional run session ({session['provisional']})" if session["provisional"] else "a run session"
    what = proved if session["runs"] else f"no run session: {session['why_closed'] or session['kind']}"
    following = f"; the next is {session['next_run']}" if session["next_run"] else ""
    state = found["trading_state"] + (f", {found['state_reason']}" if found["state_reason"] else "")
    state += f" (ends after {found['state_until']})" if found["state_until"] else ""
    running = [item["service"] for item in found["services"] if item["running"]]
    service = f"{' and '.join(running)} running" if running else "no service is running: only cron lines or you start tasks"
    return "\n".join(
        [
            f"{user}, {_mode(found)}, {output.moment(found['now'])} IST{clock}",
            f"trading   {state}",
            *_halted_apart(found),
            f"session   {session['date']} is {what}{following}",
            f"service   {service}",
        ]
    )


def _halted_apart(found: dict[str, Any]) -> list[str]:
    """Return lines for a marker that differs from the ledger, and for a stopped process that holds the ledger's lock."""
    marker, lines = found["marker"], []
    since = f" since {output.moment(marker['since'])}" if marker["since"] else ""
    by_limit = found["state_until"] is not None
    if marker["state"] not in {None, found["ledger_state"]} and not by_limit:
        line = f"marker    {marker['state']}{since}, and the ledger has {found['ledger_state']}"
        lines.append(f"{line}: the stricter applies until `tradectl resume`")
    if found["stopped_writer"]:
        lines.append(f"locked    {found['stopped_writer']['told']}")
    return lines


def _mode(found: dict[str, Any]) -> str:
    if found["mode"] != "live":
        return str(found["mode"]) + (f", on the live prices of {found['broker']}" if found["broker"] else "")
    armed = f"ARMED since {output.moment(found['armed_since'])}" if found["armed_since"] else "not armed: no order is sent"
    return f"LIVE at {found['broker'] or 'no broker'}, {armed}"


def _agenda(found: dict[str, Any]) -> str:
    if not found["agenda"]:
        return ""
    lines = [
        (
            item["opens"][11:16], f"{item['task']} {item['slot']}".strip(), item["state"],
            item["error"] or output.inputs(item["result"], 70),
        )
        for item in found["agenda"]
    ]  # fmt: skip
    return output.table(("time", "task", "state", "result"), lines)


def _account(found: dict[str, Any]) -> str:
    lines = [f"positions {found['open_positions']} open; orders {found['live_orders']} live, {found['waiting_orders']} to retry"]
    analysis, stats = found["last_analysis"], found["statistics"]
    if analysis:
        lines.append(f"analysis  {analysis['session_date']} {analysis['status']}  {output.inputs(analysis['result'], 70)}")
    if stats:
        money = ", ".join(f"{name} {output.rupees(stats[name])}" for name in ("equity", "cash", "realised", "unrealised"))
        lines.append(f"account   {stats['session_date']}: {money}, drawdown {stats['drawdown']:.1%}")
    return "\n".join(lines)


def _data(found: dict[str, Any]) -> str:
    """Return one line on how current the stored data are, by kind; empty on a virtual clock."""
    if found["clock"] == "virtual":
        return ""
    parts = (f"{item['kind'].replace('_', ' ')} {_current(item)}" for item in found["data"])
    return f"data      {', '.join(parts)}"


def _current(item: dict[str, Any]) -> str:
    """Return the date of a kind of data and its age, as text."""
    if item["as_of"] is None:
        return "none"
    age = item["age"]
    old = f"{age} session{'' if age == 1 else 's'} old" if age else "current"
    return f"{item['as_of']} ({old})"


def _trouble(found: dict[str, Any]) -> list[str]:
    lines = [
        f"UNKNOWN   {item['side']} {item['quantity']} {item['symbol']} ({item['tag']}): {item['reason'] or UNANSWERED}"
        for item in found["unknown_orders"]
    ]
    lines += [f"{'STOPPED  ' if item['stops'] else 'odd row  '} {item['text']}" for item in found["odd_rows"]]
    if found["session"]["year_missing"]:
        lines.append(f"{'ERROR    ' if found['session']['year_urgent'] else 'calendar '} {found['session']['year_missing']}")
    if found["login_needed_for"]:
        lines.append(f"login     needed for {found['login_needed_for']}: `tradectl login`")
    if found["clock_jump"]:
        lines.append(f"clock     {found['clock_jump']}")
    lines += [f"missed    {name}" for name in found["missed"]]
    if found["undelivered"]:
        lines.append(f"messages  {found['undelivered']} could not be sent yet")
    return ["\n".join(lines)] if lines else []
