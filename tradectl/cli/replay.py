"""Run a past session again from what was recorded, and show what differs (`replay`)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl import __version__
from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.simulate import Set, settings_of
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from tradectl.ledger.recorded_session import RecordedSession
    from tradectl.settings import Settings

app = typer.Typer()
DIFFERS = 1
"""The exit code where the same code and settings did not decide the same."""
SHOWN = 60


@command(app, panel=RESEARCH)
def replay(
    invocation: Invocation,
    what: Annotated[str, typer.Argument(help="A session, or the file of a bundle.", metavar="SESSION|FILE")],
    changes: Set = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Write what reproduces the session to this file; run nothing.", metavar="FILE")
    ] = None,
) -> Answer:
    """Run a past session again, and show how its decisions, signals, orders and fills differ.

    Nothing in the home changes. Exit 1 if something differs although neither code nor settings were changed."""
    with TemporaryDirectory(prefix="tradectl-replay-") as folder:
        settings, recorded = _recorded(invocation.required_settings(), what, Path(folder))
        invocation.mode = recorded.mode
        if bundle is not None:
            return _bundle(settings, recorded, bundle)
        return _replayed(settings, recorded, settings_of(changes), Path(folder) / "run")


def _recorded(settings: Settings, what: str, folder: Path) -> tuple[Settings, RecordedSession]:
    from tradectl.bootstrap.bundles import open_bundle
    from tradectl.bootstrap.replays import record_of

    if Path(what).suffix or Path(what).is_file():
        return open_bundle(settings, Path(what), folder)
    day = parse_day(what)
    if day is None:
        raise UsageError("a session is needed: YYYY-MM-DD")
    return settings, record_of(settings, day)


def _bundle(settings: Settings, recorded: RecordedSession, file: Path) -> Answer:
    from tradectl.bootstrap.bundles import write_bundle

    try:
        size = write_bundle(settings, recorded, file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error
    found = _about(recorded) | {"bundle": str(file), "bytes": size, "compared": {}, "differences": [], "same_code": True}
    text = (
        f"{file}, {size:,} bytes: `tradectl replay {file}` reproduces {recorded.session} anywhere\n"
        "It has no secrets and no names. It has your settings, capital, positions and orders: look before you publish it"
    )
    return Answer(found, text, session=date.fromisoformat(recorded.session))


def _replayed(settings: Settings, recorded: RecordedSession, changes: dict[str, str], folder: Path) -> Answer:
    from contextlib import closing

    from tradectl.bootstrap.replays import run_again
    from tradectl.build_fingerprint import build_fingerprint
    from tradectl.report import replay as report

    folder.mkdir()
    ledger, _ = run_again(settings, folder, recorded, changes)
    with closing(ledger.database):
        replayed = report.written(ledger, recorded)
    tasks = {run.task for run in recorded.runs}
    differing = report.differences(recorded.results, replayed, tasks)
    same_code = recorded.fingerprint == build_fingerprint()
    found = _about(recorded) | {
        "set": changes,
        "same_code": same_code,
        "compared": {name: len(rows) for name, rows in recorded.results.items()},
        "differences": [asdict(item) for item in differing],
    }
    expected = bool(changes) or not same_code
    code = DIFFERS if differing and not expected else 0
    error = f"{len(differing)} rows differ, although code and settings are the same" if code else None
    day = date.fromisoformat(recorded.session)
    return Answer(
        found, lambda: _text(found), exit_code=code, error=error, session=day, outcome="failed" if code else "completed"
    )


def _about(recorded: RecordedSession) -> dict[str, Any]:
    from tradectl.bootstrap.replays import DAY

    runs = [{"task": run.task, "slot": run.slot} for run in recorded.runs]
    left = [task for task in DAY if task not in {run.task for run in recorded.runs}]
    return {"version": recorded.version, "runs": runs, "not_replayed": left, "set": {}, "bundle": None, "bytes": None}


def _text(found: dict[str, Any]) -> str:
    compared = ", ".join(f"{count} {name}" for name, count in found["compared"].items())
    runs = ", ".join(f"{run['task']} {run['slot']}".strip() for run in found["runs"])
    lines = [f"ran again: {runs}"]
    if found["not_replayed"]:
        lines.append(f"not run: {', '.join(found['not_replayed'])} (not recorded, or its live quotes were not)")
    if not found["same_code"]:
        lines.append(f"the code differs: {found['version']} recorded the session, this is {__version__}, or one was edited")
    differing = found["differences"]
    if not differing:
        return "\n".join([*lines, f"identical: {compared}"])
    rows = [
        (item["table"], " ".join(str(value) for value in item["key"].values() if value != ""), *_sides(item))
        for item in differing[:SHOWN]
    ]
    more = [f"and {len(differing) - SHOWN} more; `--json` has all"] if len(differing) > SHOWN else []
    return "\n".join(
        [*lines, f"{len(differing)} differ of {compared}", output.table(("table", "row", "recorded", "replayed"), rows), *more]
    )


def _sides(item: dict[str, Any]) -> tuple[str, str]:
    sides = (item["recorded"], item["replayed"])
    return tuple(_side(side) for side in sides)  # type: ignore[return-value]


def _side(values: dict[str, Any] | None) -> str:
    """Return one side of a difference as `why` shows a decision: verdict, reason, inputs."""
    if values is None:
        return "-"
    named = {name: value for name, value in values.items() if name not in {"verdict", "reason", "inputs"}}
    decided = [str(values[name]) for name in ("verdict", "reason") if name in values]
    return " ".join([*decided, output.inputs(values.get("inputs", {})), output.inputs(named)]).strip()
