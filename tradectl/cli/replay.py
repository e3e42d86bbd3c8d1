"""Run a past session again from what was recorded, and show what differs (`replay`)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from tradectl import __version__
from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import RESEARCH, parse_day
from tradectl.cli.simulate import Set, settings_of
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tradectl.bootstrap.recorded_sessions import PastSession
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
        settings, past = _found(invocation.required_settings(), what, Path(folder))
        invocation.mode = past.first.mode
        if bundle is not None:
            return _bundle(settings, past, bundle)
        return _replayed(settings, past, settings_of(changes), Path(folder))


def _found(settings: Settings, what: str, folder: Path) -> tuple[Settings, PastSession]:
    from tradectl.bootstrap.bundles import open_bundle
    from tradectl.bootstrap.recorded_sessions import past_session

    if Path(what).suffix or Path(what).is_file():
        return open_bundle(settings, Path(what), folder)
    day = parse_day(what)
    if day is None:
        raise UsageError("a session is needed: YYYY-MM-DD")
    return settings, past_session(settings, day)


def _bundle(settings: Settings, past: PastSession, file: Path) -> Answer:
    from tradectl.bootstrap.bundles import write_bundle

    try:
        size = write_bundle(settings, past, file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror or error}") from error
    recorded = past.first
    found = _about(past) | {
        "bundle": str(file),
        "bytes": size,
        "compared": {},
        "differences": [],
        "same_code": True,
        "unknown": {},
    }
    text = (
        f"{file}, {size:,} bytes: `tradectl replay {file}` reproduces {recorded.session} anywhere\n"
        "It has no secrets and no names. It has your settings, capital, positions and orders: look before you publish it"
    )
    return Answer(found, text, session=date.fromisoformat(recorded.session))


def _replayed(settings: Settings, past: PastSession, changes: dict[str, str], folder: Path) -> Answer:
    from tradectl.build_fingerprint import build_fingerprint

    same_code = past.first.fingerprint == build_fingerprint()
    found = _about(past) | {"set": changes, "same_code": same_code, "compared": {}, "differences": [], "unknown": {}}
    if past.recorded is not None:
        _replay_day(settings, past, changes, folder / "run", found)
    if past.evening is not None:
        _compare(found, past.evening, _run_again(settings, folder / "evening", past.evening, changes))
    differing = found["differences"]
    expected = bool(changes) or not same_code
    code = DIFFERS if differing and not expected else 0
    error = f"{len(differing)} rows differ, although code and settings are the same" if code else None
    day = date.fromisoformat(past.first.session)
    return Answer(
        found, lambda: _text(found), exit_code=code, error=error, session=day, outcome="failed" if code else "completed"
    )


def _replay_day(settings: Settings, past: PastSession, changes: dict[str, str], folder: Path, found: dict[str, Any]) -> None:
    """Run the session, or its part before the first gap, and add its differences."""
    from contextlib import closing

    from tradectl.bootstrap.recorded_sessions import run_recording_again
    from tradectl.model.moment import to_ist
    from tradectl.report import replay as report

    recorded = past.recorded
    assert recorded is not None
    if past.recording is None:
        _compare(found, recorded, _run_again(settings, folder, recorded, changes))
        return
    folder.mkdir()
    ledger, answers = run_recording_again(settings, folder, past, changes)
    with closing(ledger.database):
        replayed = report.written(ledger, recorded)
    found["differences"] += [asdict(item) for item in report.commands(answers.divergences)]
    _compare(found, recorded, replayed, answers.unknown, partial=past.until is not None)
    found["unknown"] = {symbol: f"{to_ist(at):%H:%M:%S}" for symbol, at in answers.unknown.items()}


def _run_again(settings: Settings, folder: Path, recorded: RecordedSession, changes: dict[str, str]) -> dict[str, Any]:
    """Run a session again by stored bars, and return what it wrote."""
    from contextlib import closing

    from tradectl.bootstrap.replays import run_again
    from tradectl.report import replay as report

    folder.mkdir()
    ledger, _ = run_again(settings, folder, recorded, changes)
    with closing(ledger.database):
        return report.written(ledger, recorded)


def _compare(
    found: dict[str, Any],
    recorded: RecordedSession,
    replayed: dict[str, Any],
    unknown: Collection[str] = (),
    *,
    partial: bool = False,
) -> None:
    """Add the differences and the numbers of compared rows."""
    from tradectl.report import replay as report

    tasks = {run.task for run in recorded.runs}
    differing = report.differences(recorded.results, replayed, tasks, unknown, partial=partial)
    found["differences"] += [asdict(item) for item in differing]
    for name, rows in recorded.results.items():
        found["compared"][name] = found["compared"].get(name, 0) + len(rows)


def _about(past: PastSession) -> dict[str, Any]:
    from tradectl.bootstrap.replays import DAY

    parts = [part for part in (past.recorded, past.evening) if part is not None]
    runs = [{"task": run.task, "slot": run.slot} for part in parts for run in part.runs]
    left = [task for task in DAY if task not in {run["task"] for run in runs}]
    return {
        "version": past.first.version,
        "runs": runs,
        "not_replayed": left,
        "gaps": list(past.gaps),
        "set": {},
        "bundle": None,
        "bytes": None,
    }


def _text(found: dict[str, Any]) -> str:
    compared = ", ".join(f"{count} {name}" for name, count in found["compared"].items())
    runs = ", ".join(f"{run['task']} {run['slot']}".strip() for run in found["runs"])
    lines = [f"ran again: {runs}"]
    if found["not_replayed"]:
        lines.append(f"not run: {', '.join(found['not_replayed'])}")
    lines += [f"not recorded: {gap}" for gap in found["gaps"][:SHOWN]]
    if not found["same_code"]:
        lines.append(f"the code differs: {found['version']} recorded the session, this is {__version__}, or one was edited")
    differing = found["differences"]
    lines += [f"{symbol}: from {at} on the broker's answers are not known" for symbol, at in found["unknown"].items()]
    if not differing:
        return "\n".join([*lines, f"identical: {compared}"])
    rows = [
        (item["table"], " ".join(str(value) for value in item["key"].values() if value != ""), *_sides(item))
        for item in differing[:SHOWN]
    ]
    more = [f"and {len(differing) - SHOWN} more; `--json` has all"] if len(differing) > SHOWN else []
    return "\n".join(
        [
            *lines,
            f"{len(differing)} differ of {compared}",
            output.table(("table", "difference", "recorded", "replayed"), rows),
            *more,
        ]
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
