"""`status`: how things stand, and what needs a person."""

from __future__ import annotations

from datetime import date
from typing import Any

import typer

from tradectl.cli import show
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation, one_line
from tradectl.cli.options import OPERATE
from tradectl.errors import Ambiguous, DatabaseError
from tradectl.halt_marker import MarkerFile, marked_users

app = typer.Typer()
UNPROTECTED = 11
"""The exit code while a position that needs a person has no live sell order."""
UNANSWERED = "sent, and no answer was written"


@command(app, panel=OPERATE)
def status(invocation: Invocation) -> Answer:
    """How things stand: first every open position without a live sell order in market hours, then the day's agenda, services,
    positions, orders, and what needs a person. Exit 7 where the outcome of an order is not known, else 11 where a position has no
    sell, or a row of the broker that cannot be read stops a symbol of ours. Where the ledger cannot be read: the halt marker
    alone, and exit 10."""
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
    """Tell what is known without a ledger: the halt markers of the home."""
    from tradectl.report.status import marker_state

    settings = invocation.required_settings()
    users = [settings.user] if settings.user else marked_users(settings.home)
    markers = {user: marker_state(MarkerFile(settings.home, user)) for user in users}
    lines = [
        f"{user}: the halt marker says {found['state'] or 'nothing'}{', ' if found['reason'] else ''}{found['reason']}"
        for user, found in markers.items()
    ]
    state = next(iter(markers.values()))["state"] if len(markers) == 1 else None
    return Answer(
        {"trading_state": state, "markers": markers}, "\n".join(lines), "failed", error.exit_code, error=one_line(error)
    )


def text(user: str, found: dict[str, Any]) -> str:
    """The whole page."""
    found = show.flat(found)
    parts = [_unprotected(found), _head(user, found), _agenda(found), _account(found), *_trouble(found)]
    return "\n\n".join(part for part in parts if part)


def _unprotected(found: dict[str, Any]) -> str:
    """Before everything else: money that is exposed. What only needs time is information, and comes with it."""
    return "\n".join(map(show.unprotected, found["unprotected"]))


def _head(user: str, found: dict[str, Any]) -> str:
    session = found["session"]
    clock = " (virtual clock)" if found["clock"] == "virtual" else ""
    proved = f"a provisional run session ({session['provisional']})" if session["provisional"] else "a run session"
    what = proved if session["runs"] else f"no run session: {session['why_closed'] or session['kind']}"
    following = f"; the next is {session['next_run']}" if session["next_run"] else ""
    state = found["trading_state"] + (f", {found['state_reason']}" if found["state_reason"] else "")
    state += f" (ends by itself after {found['state_until']})" if found["state_until"] else ""
    running = [item["service"] for item in found["services"] if item["running"]]
    service = f"{' and '.join(running)} running" if running else "no service is running: only cron lines or a person start tasks"
    return "\n".join(
        [
            f"{user}, {_mode(found)}, {show.moment(found['now'])} IST{clock}",
            f"trading   {state}",
            *_halted_apart(found),
            f"session   {session['date']} is {what}{following}",
            f"service   {service}",
        ]
    )


def _halted_apart(found: dict[str, Any]) -> list[str]:
    """Lines where marker and ledger disagree, and where a stopped process lets no other write."""
    marker, lines = found["marker"], []
    since = f" since {show.moment(marker['since'])}" if marker["since"] else ""
    by_limit = found["state_until"] is not None
    if marker["state"] not in {None, found["ledger_state"]} and not by_limit:
        told = f"marker    {marker['state']}{since}, and the ledger says {found['ledger_state']}"
        lines.append(f"{told}: the stricter counts until `tradectl resume`")
    if found["stopped_writer"]:
        lines.append(f"locked    {found['stopped_writer']['told']}")
    return lines


def _mode(found: dict[str, Any]) -> str:
    if found["mode"] != "live":
        return str(found["mode"]) + (f", on the live prices of {found['broker']}" if found["broker"] else "")
    armed = f"ARMED since {show.moment(found['armed_since'])}" if found["armed_since"] else "not armed: no order is sent"
    return f"LIVE at {found['broker'] or 'no broker'}, {armed}"


def _agenda(found: dict[str, Any]) -> str:
    if not found["agenda"]:
        return ""
    lines = [
        (
            item["opens"][11:16], f"{item['task']} {item['slot']}".strip(), item["state"],
            item["error"] or show.inputs(item["result"], 70),
        )
        for item in found["agenda"]
    ]  # fmt: skip
    return show.table(("time", "task", "state", "result"), lines)


def _account(found: dict[str, Any]) -> str:
    lines = [f"positions {found['open_positions']} open; orders {found['live_orders']} live, {found['waiting_orders']} to retry"]
    analysis, stats = found["last_analysis"], found["statistics"]
    if analysis:
        lines.append(f"analysis  {analysis['session_date']} {analysis['status']}  {show.inputs(analysis['result'], 70)}")
    if stats:
        money = ", ".join(f"{name} {show.rupees(stats[name])}" for name in ("equity", "cash", "realised", "unrealised"))
        lines.append(f"account   {stats['session_date']}: {money}, drawdown {stats['drawdown']:.1%}")
    return "\n".join(lines)


def _trouble(found: dict[str, Any]) -> list[str]:
    lines = [
        f"UNKNOWN   {item['side']} {item['quantity']} {item['symbol']} ({item['tag']}): {item['reason'] or UNANSWERED}"
        for item in found["unknown_orders"]
    ]
    lines += [f"{'STOPPED  ' if item['stops'] else 'odd row  '} {item['text']}" for item in found["odd_rows"]]
    if found["session"]["year_missing"]:
        lines.append(f"calendar  {found['session']['year_missing']}")
    if found["login_needed_for"]:
        lines.append(f"login     needed for {found['login_needed_for']}: `tradectl login`")
    if found["clock_jump"]:
        lines.append(f"clock     {found['clock_jump']}")
    lines += [f"missed    {name}" for name in found["missed"]]
    if found["undelivered"]:
        lines.append(f"messages  {found['undelivered']} could not be sent yet")
    return ["\n".join(lines)] if lines else []
