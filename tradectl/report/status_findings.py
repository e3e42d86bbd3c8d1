"""Word what the status must show first: findings, each with the command that helps; then mode, session and services.

The functions take the JSON values of `report.status`. The terminal and the local page show the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

UNANSWERED = "sent, and no reply was recorded"
"""The text for an UNKNOWN order without a reason."""
LOW_DISK = 1 << 30
"""Bytes of disk below which the status warns."""


class StatusFinding(Struct, frozen=True):
    """One thing that needs a person: a short label, and a sentence with the command that helps."""

    label: str
    text: str


def unprotected_findings(found: dict[str, Any]) -> Iterator[StatusFinding]:
    """Yield positions without a live sell; a position that only needs time is not called UNPROTECTED."""
    for item in found["unprotected"]:
        yield StatusFinding("UNPROTECTED" if item["grave"] else "not yet sellable", item["text"])


def findings(found: dict[str, Any]) -> Iterator[StatusFinding]:
    """Yield what else needs a person, the gravest first."""
    for item in found["unknown_orders"]:
        what = f"{item['side']} {item['quantity']} {item['symbol']} ({item['tag']})"
        resolve = f"It may trade: `tradectl orders resolve {item['id']}`"
        yield StatusFinding("UNKNOWN", f"{what}: {item['reason'] or UNANSWERED}. {resolve}")
    for item in found["odd_rows"]:
        yield StatusFinding("STOPPED" if item["stops"] else "odd row", item["text"])
    if found["stopped_writer"]:
        yield StatusFinding("locked", found["stopped_writer"]["told"])
    yield from _halted_apart(found)
    if found["trading_state"] == "HALTED":
        yield StatusFinding("halted", "No order is sent, only cancels: `tradectl resume` allows orders again.")
    for item in found["agenda"]:
        if item["state"] == "failed":
            name = f"{item['task']} {item['slot']}".strip()
            why = item["error"].rstrip(".")
            yield StatusFinding("failed", f"{name}: {why}. See `tradectl logs --task {item['task']} --level error`")
    if found["session"]["year_missing"]:
        yield StatusFinding("ERROR" if found["session"]["year_urgent"] else "calendar", found["session"]["year_missing"])
    if found["approval"]:
        yield StatusFinding("approval", found["approval"]["text"])
    yield from (StatusFinding("problem", text) for text in found["problems"])
    if found["login_needed_for"]:
        yield StatusFinding("login", f"needed for {found['login_needed_for']}: `tradectl login`")
    if found["clock_jump"]:
        yield StatusFinding("clock", found["clock_jump"])
    for day, names in missed_by_session(found["missed"]).items():
        text = f"{day} {', '.join(names)}: nothing was done, see `tradectl executions --session {day}`"
        yield StatusFinding("missed", text)
    if found["undelivered"]:
        text = f"{found['undelivered']} could not be sent yet: `tradectl doctor` checks the services"
        yield StatusFinding("messages", text)
    if (disk := found.get("disk")) and disk["free_bytes"] < LOW_DISK:
        text = f"{disk['free_bytes'] >> 20} MB are free at {disk['home']}: a write may fail in the middle of a day"
        yield StatusFinding("disk", text)


def _halted_apart(found: dict[str, Any]) -> Iterator[StatusFinding]:
    """Yield a finding for a marker that differs from the ledger."""
    marker = found["marker"]
    if marker["state"] not in {None, found["ledger_state"]} and found["state_until"] is None:
        since = f" since {moment_text(marker['since'])}" if marker["since"] else ""
        text = f"{marker['state']}{since}, and the ledger has {found['ledger_state']}"
        yield StatusFinding("marker", f"{text}: the stricter applies until `tradectl resume`")


def missed_by_session(slots: list[str]) -> dict[str, list[str]]:
    """Return the missed slots by session, newest first; slots of one task together: `position-monitor 09:30 10:30`."""
    found: dict[str, dict[str, list[str]]] = {}
    for text in slots:
        name, day = text.rsplit(" of ", 1)
        task, _, slot = name.partition(" ")
        found.setdefault(day, {}).setdefault(task, []).append(slot)
    return {day: [" ".join([task, *sorted(filter(None, at))]) for task, at in tasks.items()] for day, tasks in found.items()}


def mode_text(found: dict[str, Any]) -> str:
    """Return the mode: of a live home with its broker and whether it is armed, of a paper home with its live prices."""
    if found["mode"] != "live":
        return str(found["mode"]) + (f", on the live prices of {found['broker']}" if found["broker"] else "")
    armed = f"ARMED since {moment_text(found['armed_since'])}" if found["armed_since"] else "not armed: no order is sent"
    return f"LIVE at {found['broker'] or 'no broker'}, {armed}"


def state_text(found: dict[str, Any]) -> str:
    """Return the trading state with its reason, and when a state by a limit ends."""
    state = str(found["trading_state"]) + (f", {found['state_reason']}" if found["state_reason"] else "")
    return state + (f" (ends after {found['state_until']})" if found["state_until"] else "")


def session_text(found: dict[str, Any]) -> str:
    """Return whether today is a run session, why not, and the next one."""
    session = found["session"]
    proved = f"a provisional run session ({session['provisional']})" if session["provisional"] else "a run session"
    what = proved if session["runs"] else f"no run session: {session['why_closed'] or session['kind']}"
    following = f"; the next is {session['next_run']}" if session["next_run"] else ""
    return f"{session['date']} is {what}{following}"


def service_text(found: dict[str, Any]) -> str:
    """Return which services run."""
    running = [item["service"] for item in found["services"] if item["running"]]
    return f"{' and '.join(running)} running" if running else "no service is running: only cron lines or you start tasks"


def age_text(item: dict[str, Any]) -> str:
    """Return the date of a kind of data and its age in sessions."""
    kind, age = item["kind"].replace("_", " "), item["age"]
    if item["as_of"] is None:
        return f"{kind} none"
    old = f"{age} session{'' if age == 1 else 's'} old" if age else "current"
    return f"{kind} {item['as_of']} ({old})"


def moment_text(text: str | None) -> str:
    """Return an ISO moment that is in Indian time as `2023-07-21 09:15:00`; empty for None."""
    return "" if text is None else text[:19].replace("T", " ")
