"""Show a day of tradectl in a synthetic market (`demo`)."""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH
from tradectl.cli.report import Open, benchmarks_of, open_in_browser, period_of, world_of
from tradectl.cli.simulate import simulated, text_of
from tradectl.cli.status import text as status_text
from tradectl.model.moment import to_ist
from tradectl.report.result_sentences import sentence

if TYPE_CHECKING:
    from tradectl.settings import Settings

app = typer.Typer()
LAST = date(2025, 11, 14)
"""The demo's last session: its twenty sessions contain a holiday (2025-11-05), a Muhurat (2025-10-21) and a split."""
SESSIONS = 20


@command(app, panel=RESEARCH)
def demo(
    invocation: Invocation,
    seed: Annotated[int, typer.Option(help="Seed of the market.", min=0, metavar="NUMBER")] = 7,
    page: Annotated[
        Path | None, typer.Option("--report", help="Write the report there; default: a new temporary folder.", metavar="FILE")
    ] = None,
    open_page: Open = False,
) -> Answer:
    """Make a synthetic market, trade its last 20 sessions on paper, and show a day's timeline, the trades, the status and a
    report with charts."""
    with tempfile.TemporaryDirectory(prefix="tradectl-demo-") as folder:
        found = _run(invocation, Path(folder), seed)
        file = page or Path(tempfile.mkdtemp(prefix="tradectl-report-")) / "demo.html"
        found["report"] = _report(invocation, Path(folder) / "account", file)
    if open_page:
        open_in_browser(file)
    return Answer(found, lambda: _text(found), exit_code=0 if found["simulation"]["reconciled"] else 1)


def _run(invocation: Invocation, folder: Path, seed: int) -> dict[str, Any]:
    from tradectl import bootstrap
    from tradectl.marketdata.synthetic import make_market

    settings = invocation.settings = _settings(invocation.required_settings(), folder)
    sessions = bootstrap.open_sessions(settings)
    invocation.note("making a synthetic market of invented companies")
    universe = make_market(settings.market, sessions, last=LAST, seed=seed)
    first = [session.date for session in sessions.run_between(date(LAST.year - 1, 1, 1), LAST)][-SESSIONS]
    account = folder / "account"
    simulation = simulated(invocation, account, first, LAST, settings={"universe": universe})
    return {
        "universe": universe,
        "seed": seed,
        "simulation": simulation,
        "day": _busiest_day(account, simulation),
        "status": _status(invocation, account),
    }


def _report(invocation: Invocation, account: Path, file: Path) -> str:
    """Write the report of the whole simulation and return its path. Raises ConfigurationError."""
    from tradectl.bootstrap.reports import write_report
    from tradectl.report_page.complete import ledger_report
    from tradectl.report_page.page import render

    world = world_of(invocation, account)
    with closing(world):
        period = replace(period_of(world, None, whole=True), title="A month of tradectl in a synthetic market")
        content = ledger_report(world, period, benchmarks=benchmarks_of(world, period))
    write_report(file, render(content).encode())
    return str(file.absolute())


def _status(invocation: Invocation, account: Path) -> dict[str, Any]:
    """Return the page of `tradectl status` at the end of the last session."""
    from tradectl import bootstrap
    from tradectl.report.status import status

    return status(bootstrap.reopen_simulation(invocation.required_settings(), account))


def _settings(settings: Settings, folder: Path) -> Settings:
    """Return settings with a home in `folder`; the user's home is neither read nor written."""
    return replace(
        settings,
        home=folder,
        database=f"sqlite:///{folder / 'ledger.db'}",
        paper=folder / "paper.db",
        market=folder / "market",
        sessions=folder / "sessions.csv",
        user=None,
        at=None,
    )


def _busiest_day(account: Path, simulation: dict[str, Any]) -> dict[str, Any]:
    """Return the session with the most exits: its tasks with their results, and its log, in order."""
    from tradectl.ledger.opening import open_database
    from tradectl.ledger.store import Ledger

    exits = [trade["exit_session"] for trade in simulation["trades"]]
    day = date.fromisoformat(max(exits, key=lambda item: (exits.count(item), item)) if exits else simulation["last"])
    ledger = Ledger(open_database(account / "ledger.db", read_only=True), "me")
    tasks = sorted(ledger.executions.on(day).values(), key=lambda row: (row.started_at, row.id))
    lines = [line for line in ledger.logs.list(limit=100_000) if to_ist(line.at).date() == day]
    return {
        "session": day.isoformat(),
        "timeline": [
            {
                "at": f"{to_ist(row.started_at):%H:%M}",
                "task": f"{row.task} {row.slot}".strip(),
                "outcome": row.status,
                "result": dict(row.result),
            }
            for row in tasks
        ],
        "log": [{"at": f"{to_ist(line.at):%H:%M:%S}", "message": line.message} for line in lines if line.action in SHOWN_ACTIONS],
    }


SHOWN_ACTIONS = frozenset({"order_placed", "order_executed", "order_cancelled", "order_rejected", "corporate_action", "mismatch"})
"""The actions of the log lines that show trades and results."""


def _text(found: dict[str, Any]) -> str:
    day = found["day"]
    timeline = [(item["at"], item["task"], item["outcome"], sentence(item["result"])) for item in day["timeline"]]
    log = [(item["at"], item["message"]) for item in day["log"]]
    return "\n".join(
        [
            f"A day of tradectl: {day['session']}, in a synthetic market",
            output.table(("at", "task", "outcome", "result"), timeline),
            "",
            "Actions of that day",
            output.table(("at", "what"), log, empty="Nothing was traded."),
            "",
            f"The last {found['simulation']['sessions']} sessions",
            text_of(found["simulation"]),
            "",
            "Status",
            status_text("me", found["status"]),
            "",
            f"Report with charts: {found['report']}",
            "Next: `tradectl help first-day` walks through a day by hand; `tradectl init` makes a home of your own.",
        ]
    )
