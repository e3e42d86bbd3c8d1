"""Read the recording of a session, and find what is missing in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tradectl.brokers.recording.encoding import Plain, ReplyReader, error_from_json, restored
from tradectl.brokers.recording.file import lines_of
from tradectl.brokers.recording.recorder import VERSION
from tradectl.model.recording import Call, RecordedRun, RecordedStep, Recording, RunHead

_INSTANT = timedelta(microseconds=1)


def read_recording(path: Path) -> Recording | None:
    """Return the recording in a file; None without a file, or if the file cannot be read."""
    try:
        return recording_of(lines_of(path))
    except OSError:
        return None


def recording_of(lines: Iterable[str | None]) -> Recording:
    """Return the recording that lines make. None stands for a damaged line."""
    runs: dict[str, _Run] = {}
    gaps: list[tuple[datetime | None, str]] = []
    last: datetime | None = None
    for line in lines:
        if line is None:
            gaps.append((last, "a line is damaged"))
            continue
        content = json.loads(line)
        run = runs.get(content["run"])
        try:
            if "begin" in content and content["v"] == VERSION:
                run = runs[content["run"]] = _Run.begun(content)
            elif run is None:
                gaps.append((last, "the begin of a run is missing"))
                continue
            else:
                run.take(content)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            gaps.append((last, f"a line cannot be read ({type(error).__name__}: {error})"))
            continue
        last = max(filter(None, (last, run.recorded.until)))
    for run in runs.values():
        steps = [step for step in run.recorded.steps if step.ended is None]
        gaps += [(step.at - _INSTANT, f"a step of {run.recorded.head.name} has no end") for step in steps]
    ordered = sorted((run.recorded for run in runs.values()), key=lambda run: run.head.at)
    if not ordered:
        return Recording(())
    return Recording(tuple(ordered), tuple((at or ordered[0].head.at, text) for at, text in gaps))


@dataclass(slots=True)
class _Run:
    """A run while its lines are read."""

    recorded: RecordedRun
    replies: ReplyReader = field(default_factory=ReplyReader)
    arguments: dict[str, Plain] = field(default_factory=dict)

    @classmethod
    def begun(cls, content: Plain) -> _Run:
        head = restored(RunHead, content["begin"])
        found = cls(RecordedRun(content["run"], head, content["broker"], content["can"]))
        found.recorded.before += found.calls(content, head.at)
        return found

    def take(self, content: Plain) -> None:
        """Add a line. Raises ValueError if a line before it is missing."""
        run, number = self.recorded, content["n"]
        if number > len(run.steps) + ("at" in content):
            raise ValueError(f"a step of {run.head.name} is missing")
        if "at" in content:
            run.steps.append(RecordedStep(number, datetime.fromisoformat(content["at"])))
        calls = self.calls(content, run.steps[-1].at if run.steps else run.head.at)
        (run.steps[-1].calls if run.steps else run.before).extend(calls)
        if "done" in content:
            run.steps[-1].ended = run.steps[-1].at + timedelta(milliseconds=content["done"])
        if "end" in content:
            run.ended = datetime.fromisoformat(content["end"])

    def calls(self, content: Plain, begun: datetime) -> list[Call]:
        return [self._call(item, begun) for item in content.get("calls", ())]

    def _call(self, item: Plain, begun: datetime) -> Call:
        kind, at = item["c"], begun + timedelta(milliseconds=item["t"])
        if "a" in item:
            self.arguments[kind] = item["a"]
        arguments = self.arguments.get(kind, {})
        if "e" in item:
            return Call(kind, at, arguments, error=error_from_json(item["e"]))
        value: Any = self.replies.reply(kind, arguments, item.get("r"))
        return Call(kind, at, arguments, value)
