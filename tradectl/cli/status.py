"""`status`: how things stand, and what needs a person."""

from __future__ import annotations

from datetime import date
from typing import Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import OPERATE

app = typer.Typer()


@command(app, panel=OPERATE)
def status(call: Call) -> Answer:
    """How things stand: the day's agenda, services, positions, orders, and what needs a person."""
    from tradectl.report import status as report

    found = report.status(call.world(read_only=True))
    day = date.fromisoformat(found["session"]["date"])
    return Answer(found, lambda: text(call.user or "", found), session=day)


def text(user: str, found: dict[str, Any]) -> str:
    """The whole page."""
    parts = [_head(user, found), _agenda(found), _account(found), *_trouble(found)]
    return "\n\n".join(part for part in parts if part)


def _head(user: str, found: dict[str, Any]) -> str:
    session = found["session"]
    clock = " (virtual clock)" if found["clock"] == "virtual" else ""
    what = "a run session" if session["runs"] else f"no run session: {session['why_closed'] or session['kind']}"
    following = f"; the next is {session['next_run']}" if session["next_run"] else ""
    state = found["trading_state"] + (f", {found['state_reason']}" if found["state_reason"] else "")
    state += f" (ends by itself after {found['state_until']})" if found["state_until"] else ""
    running = [item["service"] for item in found["services"] if item["running"]]
    service = f"{' and '.join(running)} running" if running else "no service is running: only cron lines or a person start tasks"
    return "\n".join(
        [
            f"{user}, {_mode(found)}, {show.moment(found['now'])} IST{clock}",
            f"trading   {state}",
            f"session   {session['date']} is {what}{following}",
            f"service   {service}",
        ]
    )


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
        f"UNKNOWN   {item['side']} {item['quantity']} {item['symbol']} ({item['tag']}): {item['reason'] or 'no proof'}"
        for item in found["unknown_orders"]
    ]
    if found["login_needed_for"]:
        lines.append(f"login     needed for {found['login_needed_for']}: `tradectl login`")
    if found["clock_jump"]:
        lines.append(f"clock     {found['clock_jump']}")
    lines += [f"missed    {name}" for name in found["missed"]]
    if found["undelivered"]:
        lines.append(f"messages  {found['undelivered']} could not be sent yet")
    return ["\n".join(lines)] if lines else []
