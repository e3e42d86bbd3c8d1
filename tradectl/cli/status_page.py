"""Print the status for a person: findings first, then the account, the day and the data, within the width of the screen."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from tradectl.cli import output
from tradectl.cli.result_sentences import sentence

LABEL, RESULT = 10, 41
"""The column of the text after the label of a line, and of the result of a task."""
NARROW = 80
"""The width of the page where stdout is no terminal."""
UNANSWERED = "sent, and no reply was recorded"
"""The text for an UNKNOWN order without a reason."""
LOW_DISK = 1 << 30
"""Bytes of disk below which the status warns."""
SHOWN = 8
"""How many decisions are named."""


def page(user: str, found: dict[str, Any]) -> str:
    """Return the whole status as text."""
    found = output.flat(found)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else NARROW
    sections: tuple[Callable[[], list[str]], ...] = (
        lambda: [output.unprotected(item) for item in found["unprotected"]],
        lambda: list(_findings(found)),
        lambda: _head(user, found),
        lambda: _positions(found, width),
        lambda: _agenda(found),
        lambda: _decisions(found),
        lambda: list(_account(found)),
        lambda: list(_machine(found)),
    )
    parts = ("\n".join(wrapped(line, width) for line in section()) for section in sections)
    return "\n\n".join(part for part in parts if part)


def wrapped(line: str, width: int, *, indent: int = LABEL) -> str:
    """Return a line broken at words, so that it fits a width; the parts below begin after the label."""
    if len(line) <= width:
        return line
    return textwrap.fill(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _findings(found: dict[str, Any]) -> Iterator[str]:
    """Yield what needs a person, each with the command that helps."""
    for item in found["unknown_orders"]:
        what = f"{item['side']} {item['quantity']} {item['symbol']} ({item['tag']})"
        yield f"UNKNOWN   {what}: {item['reason'] or UNANSWERED}. It may trade: `tradectl orders resolve {item['id']}`"
    for item in found["odd_rows"]:
        yield f"{'STOPPED  ' if item['stops'] else 'odd row  '} {item['text']}"
    if found["stopped_writer"]:
        yield f"locked    {found['stopped_writer']['told']}"
    yield from _halted_apart(found)
    if found["trading_state"] == "HALTED":
        yield "halted    No order is sent, only cancels: `tradectl resume` allows orders again."
    for item in found["agenda"]:
        if item["state"] == "failed":
            name = f"{item['task']} {item['slot']}".strip()
            yield f"failed    {name}: {item['error'].rstrip('.')}. See `tradectl logs --task {item['task']} --level error`"
    if found["session"]["year_missing"]:
        label = "ERROR    " if found["session"]["year_urgent"] else "calendar "
        yield f"{label} {found['session']['year_missing']}"
    if found["approval"]:
        yield f"approval  {found['approval']['text']}"
    yield from (f"problem   {text}" for text in found["problems"])
    if found["login_needed_for"]:
        yield f"login     needed for {found['login_needed_for']}: `tradectl login`"
    if found["clock_jump"]:
        yield f"clock     {found['clock_jump']}"
    for day, names in _missed(found["missed"]).items():
        yield f"missed    {day} {', '.join(names)}: nothing was done, see `tradectl executions --session {day}`"
    if found["undelivered"]:
        yield f"messages  {found['undelivered']} could not be sent yet: `tradectl doctor` checks the services"
    if (disk := found.get("disk")) and disk["free_bytes"] < LOW_DISK:
        yield f"disk      {disk['free_bytes'] >> 20} MB are free at {disk['home']}: a write may fail in the middle of a day"


def _missed(slots: list[str]) -> dict[str, list[str]]:
    """Return the missed slots by session, newest first; slots of one task together: `position-monitor 09:30 10:30`."""
    found: dict[str, dict[str, list[str]]] = {}
    for text in slots:
        name, day = text.rsplit(" of ", 1)
        task, _, slot = name.partition(" ")
        found.setdefault(day, {}).setdefault(task, []).append(slot)
    return {day: [" ".join([task, *sorted(filter(None, at))]) for task, at in tasks.items()] for day, tasks in found.items()}


def _halted_apart(found: dict[str, Any]) -> Iterator[str]:
    """Yield a line for a marker that differs from the ledger."""
    marker = found["marker"]
    if marker["state"] not in {None, found["ledger_state"]} and found["state_until"] is None:
        since = f" since {output.moment(marker['since'])}" if marker["since"] else ""
        line = f"marker    {marker['state']}{since}, and the ledger has {found['ledger_state']}"
        yield f"{line}: the stricter applies until `tradectl resume`"


def _head(user: str, found: dict[str, Any]) -> list[str]:
    session = found["session"]
    clock = " (virtual clock)" if found["clock"] == "virtual" else ""
    proved = f"a provisional run session ({session['provisional']})" if session["provisional"] else "a run session"
    what = proved if session["runs"] else f"no run session: {session['why_closed'] or session['kind']}"
    following = f"; the next is {session['next_run']}" if session["next_run"] else ""
    state = found["trading_state"] + (f", {found['state_reason']}" if found["state_reason"] else "")
    state += f" (ends after {found['state_until']})" if found["state_until"] else ""
    running = [item["service"] for item in found["services"] if item["running"]]
    service = f"{' and '.join(running)} running" if running else "no service is running: only cron lines or you start tasks"
    return [
        f"{user}, {_mode(found)}, {output.moment(found['now'])} IST{clock}",
        f"trading   {state}",
        f"session   {session['date']} is {what}{following}",
        f"service   {service}",
    ]


def _mode(found: dict[str, Any]) -> str:
    if found["mode"] != "live":
        return str(found["mode"]) + (f", on the live prices of {found['broker']}" if found["broker"] else "")
    armed = f"ARMED since {output.moment(found['armed_since'])}" if found["armed_since"] else "not armed: no order is sent"
    return f"LIVE at {found['broker'] or 'no broker'}, {armed}"


def _positions(found: dict[str, Any], width: int) -> list[str]:
    """Return a table of the positions, and why one has no sell order. P&L is after charges."""
    held, exposed = found["positions"], {item["symbol"] for item in found["unprotected"]}
    count = found["open_positions"]
    lines = [f"positions {count} open; orders {found['live_orders']} live, {found['waiting_orders']} to retry"]
    if not held:
        return lines
    columns = ("symbol", ">shares", "sell", ">last", "at", ">target", ">distance", ">P&L")
    rows = [
        (
            item["symbol"], item["quantity"],
            "live" if item["protected"] else "NONE" if item["symbol"] in exposed else "later",
            output.rupees(item["last"]), (item["last_at"] or "")[5:16].replace("T", " "),
            output.rupees(item["target"]), "" if item["distance"] is None else f"{item['distance']:+.1%}",
            output.rupees(item["pnl"]),
        )
        for item in held
    ]  # fmt: skip
    lines += output.fitted_table(columns, rows, width, remedy="a wider terminal shows them").splitlines()
    reasons: dict[str, list[str]] = {}
    for item in held:
        if not item["protected"]:
            reasons.setdefault(item["why_not"], []).append(item["symbol"])
    return [*lines, *(f"no sell   {', '.join(symbols)}: {why}" for why, symbols in reasons.items())]


def _agenda(found: dict[str, Any]) -> list[str]:
    lines = []
    for item in found["agenda"]:
        name = f"{item['task']} {item['slot']}".strip()
        line = f"{item['opens'][11:16]}  {name:<23} {item['state']:<10}{_result(item)}".rstrip()
        lines += wrapped(line, NARROW, indent=RESULT).splitlines()
    return lines


def _result(item: dict[str, Any]) -> str:
    """Return what came of a slot; of a failed one the findings at the top have the error."""
    return "see above" if item["state"] == "failed" else item["error"] or sentence(item["result"])


def _decisions(found: dict[str, Any]) -> list[str]:
    decided = found["decisions"]
    lines = []
    for item in decided["listed"][:SHOWN]:
        lines.append(f"decided   {item['at'][11:16]} {item['task']} {item['verdict']} {item['symbol']}: {item['reason']}")
    more = len(decided["listed"]) - SHOWN
    counted = [f"{count} {verdict}" for verdict, count in sorted(decided["counted"].items())]
    counted += [f"{more} more"] if more > 0 else []
    return [*lines, *([f"decided   {', '.join(counted)}: `tradectl why SYMBOL` shows each"] if counted else [])]


def _account(found: dict[str, Any]) -> Iterator[str]:
    analysis, stats = found["last_analysis"], found["statistics"]
    if analysis:
        today = analysis["session_date"] == found["session"]["date"]
        what = "see above" if analysis["error"] and today else analysis["error"] or sentence(analysis["result"])
        yield f"analysis  {analysis['session_date']} {analysis['status']}{': ' if what else ''}{what}"
        if older := analysis["result"].get("older_gaps"):
            yield f"gaps      {older}: `tradectl prices --force` fetches them"
    if stats:
        money = ", ".join(f"{name} {output.rupees(stats[name])}" for name in ("equity", "cash", "realised", "unrealised"))
        yield f"account   {stats['session_date']}: {money}, drawdown {stats['drawdown']:.1%}"


def _machine(found: dict[str, Any]) -> Iterator[str]:
    """Yield lines on the age of the data, the next slots, the disk and the last backup."""
    data = found.get("data", [])
    if data and found["clock"] != "virtual":
        yield f"data      {', '.join(map(_age, data))}"
    if found["next_slots"]:
        times = (f"{item['at'][:10]} {item['at'][11:16]} {item['task']}" for item in found["next_slots"])
        yield f"next      {', '.join(times)}"
    if disk := found.get("disk"):
        yield f"disk      {disk['free_bytes'] / (1 << 30):.1f} GB free for the home"
    backup = found["last_backup"]
    old = backup and f"{output.moment(backup['at'])} IST" + (f", {backup['days']} days ago" if backup["days"] else "")
    yield f"backup    {old or 'none yet: `tradectl backup` copies the ledger'}"


def _age(item: dict[str, Any]) -> str:
    """Return the date of a kind of data and its age in sessions."""
    kind, age = item["kind"].replace("_", " "), item["age"]
    if item["as_of"] is None:
        return f"{kind} none"
    old = f"{age} session{'' if age == 1 else 's'} old" if age else "current"
    return f"{kind} {item['as_of']} ({old})"
