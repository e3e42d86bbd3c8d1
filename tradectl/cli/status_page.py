"""Print the status for a person: findings first, then the account, the day and the data, within the width of the screen."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tradectl.cli import output
from tradectl.report.result_sentences import sentence
from tradectl.report.status_findings import (
    StatusFinding,
    age_text,
    findings,
    mode_text,
    service_text,
    session_text,
    state_text,
)

LABEL, RESULT = 10, 41
"""The column of the text after the label of a line, and of the result of a task."""
NARROW = 80
"""The width of the page where stdout is no terminal."""
STOP = "stop_not_watched"
"""The cause of a position whose sell is live and whose stop is not watched (`unprotected_positions.Cause`)."""
SHOWN = 8
"""How many decisions are named."""


def page(user: str, found: dict[str, Any]) -> str:
    """Return the whole status as text."""
    found = output.flat(found)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else NARROW
    sections: tuple[Callable[[], list[str]], ...] = (
        lambda: [output.unprotected(item) for item in found["unprotected"]],
        lambda: list(_lines(findings(found))),
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


def _lines(found: Iterable[StatusFinding]) -> Iterator[str]:
    """Yield findings as lines, with their texts in one column."""
    return (f"{item.label:<{LABEL - 1}} {item.text}" for item in found)


def _head(user: str, found: dict[str, Any]) -> list[str]:
    clock = " (virtual clock)" if found["clock"] == "virtual" else ""
    return [
        f"{user}, {mode_text(found)}, {output.moment(found['now'])} IST{clock}",
        f"trading   {state_text(found)}",
        f"session   {session_text(found)}",
        f"service   {service_text(found)}",
    ]


def _positions(found: dict[str, Any], width: int) -> list[str]:
    """Return a table of the positions, and why one has no sell order. P&L is after charges."""
    held, exposed = found["positions"], {item["symbol"] for item in found["unprotected"]}
    unwatched = {item["symbol"] for item in found["unprotected"] if item["cause"] == STOP}
    count = found["open_positions"]
    lines = [f"positions {count} open; orders {found['live_orders']} live, {found['waiting_orders']} to retry"]
    if not held:
        return lines
    named = output.strategy_column(held)
    columns = ("symbol", *named, ">shares", "sell", ">last", "at", ">target", ">distance", ">P&L")
    rows = [
        (
            item["symbol"], *(item[name] for name in named), item["quantity"],
            _sell(item, exposed, unwatched),
            output.rupees(item["last"]), (item["last_at"] or "")[5:16].replace("T", " "),
            output.rupees(item["target"]), "" if item["distance"] is None else f"{item['distance']:+.1%}",
            output.rupees(item["pnl"]),
        )
        for item in held
    ]  # fmt: skip
    lines += output.fitted_table(columns, rows, width, remedy="a wider terminal shows them").splitlines()
    reasons: dict[str, list[str]] = {}
    for item in held:
        if not item["protected"] and item["symbol"] not in unwatched:
            reasons.setdefault(item["why_not"], []).append(item["symbol"])
    stops = [f"stop      {item['symbol']}: {item['stop_note']}" for item in held if item["stop_note"]]
    return [*lines, *stops, *(f"no sell   {', '.join(symbols)}: {why}" for why, symbols in reasons.items())]


def _sell(item: dict[str, Any], exposed: set[str], unwatched: set[str]) -> str:
    if item["protected"]:
        return "live"
    if item["symbol"] in unwatched:
        return "NO STOP"
    return "NONE" if item["symbol"] in exposed else "later"


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
        yield f"data      {', '.join(map(age_text, data))}"
    if found["next_slots"]:
        times = (f"{item['at'][:10]} {item['at'][11:16]} {item['task']}" for item in found["next_slots"])
        yield f"next      {', '.join(times)}"
    if disk := found.get("disk"):
        yield f"disk      {disk['free_bytes'] / (1 << 30):.1f} GB free for the home"
    backup = found["last_backup"]
    old = backup and f"{output.moment(backup['at'])} IST" + (f", {backup['days']} days ago" if backup["days"] else "")
    yield f"backup    {old or 'none yet: `tradectl backup` copies the ledger'}"
