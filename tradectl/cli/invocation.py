"""One invocation of the program: its options, its output, and the answer of its command.

The result goes to stdout, the progress to stderr. With `--json` stdout is exactly one object, also for errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import typer
from msgspec import Struct
from msgspec.structs import replace

from tradectl.control_characters import in_json, lines
from tradectl.control_characters import one_line as without_controls
from tradectl.errors import Blocked, Missed, TradectlError
from tradectl.redaction import redacted, scrubbed

if TYPE_CHECKING:
    from tradectl.settings import Settings
    from tradectl.world import World


class Answer(Struct, frozen=True):
    """The result of a command: `result` for programs (JSON values), `text` for people (called only if it is printed).

    `error_lines`: the lines on stderr in the place of `error`; None means `error` in one line."""

    result: Any = {}
    text: Callable[[], str] | str = ""
    outcome: str = "completed"
    exit_code: int = 0
    session: date | None = None
    error: str | None = None
    error_lines: Sequence[str] | None = None


@dataclass(slots=True)
class Invocation:
    """The state of this process; the root command sets it from the global options."""

    settings: Settings | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    database: str | None = None
    """The value of `--db`, passed to child processes. A value from the environment (with a password) is inherited."""
    command: str = ""
    user: str | None = None
    mode: str | None = None
    session: date | None = None
    messages_on_screen: bool = False
    worlds: dict[bool, World] = field(default_factory=dict)

    def required_settings(self) -> Settings:
        """Return the settings. Raises RuntimeError if the global options have not been read yet."""
        if self.settings is None:
            raise RuntimeError("no command runs before the global options are read")
        return self.settings

    def world(self, *, read_only: bool = False, past: bool = False, make: bool = True, follow: bool = True) -> World:
        """Return the user's world, opened once for each value of `read_only`. With `make` the first use creates a
        paper home. Raises the errors of `open_world`.

        With `-q` messages go to notification services and not to the screen: the answer reports problems.
        """
        from tradectl import bootstrap
        from tradectl.notify.console import ConsoleNotifier, SilentNotifier

        if read_only not in self.worlds:
            settings = self.required_settings()
            world = bootstrap.open_world(
                settings, settings.user, read_only=read_only, past=past, make=make, follow=follow, tell=self.note
            )
            on_screen = isinstance(world.notifier, ConsoleNotifier)
            if self.quiet and on_screen:
                world = replace(world, notifier=SilentNotifier())
            self.messages_on_screen = on_screen and not self.quiet
            self.worlds[read_only] = world
        opened = self.worlds[read_only]
        self.user, self.mode = opened.user, opened.mode
        return opened

    def close(self) -> None:
        """Close the worlds, so that their files are complete on the disk."""
        for world in self.worlds.values():
            world.close()
        self.worlds.clear()

    def warn(self, line: str) -> None:
        """Print a line on stderr, also with `-q`."""
        typer.echo(without_controls(scrubbed(f"tradectl: {line}")), err=True)

    def note(self, line: str) -> None:
        """Print a line of progress on stderr; nothing with `-q`."""
        if not self.quiet:
            typer.echo(lines(redacted(line)), err=True)

    def answer(self, answer: Answer) -> int:
        """Print an answer as text or JSON and return the exit code."""
        lines_of_error = filter(None, [answer.error]) if answer.error_lines is None else answer.error_lines
        for line in () if self.as_json else lines_of_error:
            self.warn(line)
        if self.as_json:
            typer.echo(in_json(redacted(json.dumps(self.envelope(answer), ensure_ascii=False))))
        elif not (self.quiet and answer.exit_code == 0):
            text = answer.text() if callable(answer.text) else answer.text
            if text:
                typer.echo(lines(redacted(text)))
        return answer.exit_code

    def envelope(self, answer: Answer) -> Mapping[str, Any]:
        """Return the object of `--json`; its keys are never removed within a major version."""
        session = answer.session or self.session
        result = rounded(answer.result)
        if answer.error and isinstance(result, dict):
            result = {"reason": answer.error, **result}
        return {
            "command": self.command,
            "user": self.user or (self.settings.user if self.settings else None),
            "mode": self.mode,
            "session": session.isoformat() if session else None,
            "outcome": answer.outcome,
            "exit_code": answer.exit_code,
            "result": result,
            "error": answer.error,
        }


def rounded(value: Any) -> Any:
    """Return a JSON value with every ratio rounded to four decimals; 0.0123 is 1.23 %."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def failure(error: TradectlError) -> Answer:
    """Return the answer of an expected error."""
    outcome = "blocked" if isinstance(error, Blocked) else "missed" if isinstance(error, Missed) else "failed"
    return Answer(outcome=outcome, exit_code=error.exit_code, error=one_line(error))


def one_line(error: BaseException) -> str:
    """Return the message of an error as one line, never empty."""
    return " ".join(str(error).split()) or type(error).__name__
