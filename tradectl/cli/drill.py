"""Test on this machine that a crash never buys twice and never loses an order (`drill`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH
from tradectl.cli.progress import bar
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from tradectl.lab.drill.crashes import Tally

app = typer.Typer()
SHOWN = 20
"""The most findings, and the most reasons of unknown orders, in the text report; `--json` has all."""

Seeds = Annotated[int, typer.Option(help="Number of days, each with another fault.", min=1, metavar="NUMBER")]
TaskOption = Annotated[str, typer.Option("--task", help="Only the crash points of this task.", metavar="TASK")]
Points = Annotated[int, typer.Option(help="Crash points per day, drawn at random; 0 for all.", min=0, metavar="NUMBER")]
Jobs = Annotated[int, typer.Option(help="Parallel processes; default: one per core.", min=0, metavar="NUMBER")]
Folder = Annotated[Path | None, typer.Option(help="Folder of the results; default: HOME/drill.", metavar="FOLDER")]
Through = Annotated[
    str, typer.Option(help="Drill through this broker's adapter, over sockets, against its sandbox.", metavar="BROKER")
]
StrategyOption = Annotated[
    str, typer.Option("--strategy", help="Trade this strategy of the home instead of ema9-reversion.", metavar="NAME")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Delete earlier results.")]


@command(app, panel=RESEARCH)
def drill(
    invocation: Invocation,
    seeds: Seeds = 20,
    task: TaskOption = "",
    points: Points = 0,
    jobs: Jobs = 0,
    folder: Folder = None,
    through: Through = "",
    strategy: StrategyOption = "",
    fresh: Fresh = False,
) -> Answer:
    """Kill every task at every commit and every call to a faulty exchange, start it again, and compare the order lists.

    It uses a throw-away account in an invented market and does not touch the home. With --db postgresql+psycopg://... the
    ledgers are separate databases on that server. An interrupted drill continues where it stopped.
    """
    from tradectl.bootstrap.strategies import StrategyFolder
    from tradectl.clock import stopwatch
    from tradectl.lab.drill.broker_sandboxes import names as brokers
    from tradectl.lab.drill.seeds import DrillPlan, StrategyText, drill_seeds
    from tradectl.model.rule_names import REVERSION
    from tradectl.runtime.registry import all_tasks

    names = [item.name for item in all_tasks() if not item.real_time]
    if task and task not in names:
        raise UsageError(f"no task is called {task!r}; there are {', '.join(names)}")
    if through and through not in (known := brokers()):
        raise UsageError(f"there is a sandbox of {' and of '.join(known)}, and none of {through!r}")
    if through:  # report a missing adapter or sandbox before any process begins
        from tradectl.lab.drill.broker_sandboxes import sandbox_entry
        from tradectl.lab.drill.remote import promise_of

        promise_of(through)
        sandbox_entry(through)
    settings = invocation.required_settings()
    invocation.mode = "simulated"
    server = settings.database if settings.database.startswith("postgresql") else ""
    own = None
    if strategy and strategy != REVERSION:
        read = StrategyFolder(settings.home).read(strategy)
        own = StrategyText(read.name, read.form, read.text)
    plan = DrillPlan(seeds, task, server, jobs or os.cpu_count() or 1, points, through, own)
    kept = folder or settings.home / "drill"
    if fresh:
        (kept / f"{plan.name}.jsonl").unlink(missing_ok=True)
    begun = stopwatch()
    with bar("drilling", quiet=invocation.quiet or invocation.as_json) as tell:
        tally = drill_seeds(plan, kept, lambda done, total, so_far: tell(_short(so_far), done, total))
    found = result(tally, seeds, stopwatch() - begun)
    bad = found["duplicates"] or found["lost"] or found["failed"] or found["silent"]
    counts = f"{found['duplicates']} duplicates, {found['lost']} lost, {found['failed']} failed, {found['silent']} unreported"
    error = counts if bad else None
    return Answer(found, lambda: text_of(found), "failed" if bad else "completed", 1 if bad else 0, error=error)


def result(tally: Tally, seeds: int, seconds: float) -> dict[str, Any]:
    """Return the JSON result.

    `faults` counts each kind of fault. `unknown` counts the orders of all runs that were UNKNOWN at the end of a day;
    `unknown_orders` counts them by reason."""
    return {
        "runs": tally.runs,
        "kills": tally.kills,
        "real_kills": tally.real_kills,
        "stops": tally.stops,
        "faults": dict(sorted(tally.faults.items())),
        "duplicates": len(tally.duplicates),
        "lost": len(tally.lost),
        "failed": len(tally.failed),
        "silent": len(tally.silent),
        "unknown": sum(tally.unknown.values()),
        "seeds": seeds,
        "findings": [*tally.duplicates, *tally.lost, *tally.failed, *tally.silent],
        "unknown_orders": dict(tally.unknown.most_common()),
        "seconds": round(seconds, 1),
    }


def _short(tally: Tally) -> str:
    bad = len(tally.duplicates) + len(tally.lost) + len(tally.failed) + len(tally.silent)
    return f"{tally.runs} crash points, {bad} findings"


def text_of(found: dict[str, Any]) -> str:
    """Return the report as text."""
    faults = ", ".join(f"{name} {hits}" for name, hits in found["faults"].items()) or "none"
    lines = [
        f"{found['runs']} days played over {found['seeds']} seeds in {found['seconds']} s: {found['kills']} deaths, "
        f"{found['real_kills']} of them real SIGKILLs, and {found['stops']} processes stopped and continued",
        f"faults of the exchange: {faults}",
        f"bought or sold twice: {found['duplicates']}    lost: {found['lost']}    failed: {found['failed']}",
        f"positions without a sell that were not reported: {found['silent']}",
        f"unknown, and reported as such: {found['unknown']}",
    ]
    lines += [f"  {line}" for line in found["findings"][:SHOWN]]
    lines += [f"  {times} times  {line}" for line, times in list(found["unknown_orders"].items())[:SHOWN]]
    return "\n".join(lines)
