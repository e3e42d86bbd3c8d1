"""A process that has loaded tradectl once, and makes a process of its own for every command it is asked to run.

What a command costs is mostly its imports, and the tests run hundreds of commands. Each still is a process with its own
memory, environment, time zone, standard streams and end, and goes in by the program's own `main`: only the interpreter's
start is shared, and the text of SQL statements that an earlier command compiled. Requests are JSON lines on stdin: to start a
command, answered by the id of its process, or to wait for a process, answered by its exit code. Commands that are started one
after another run at once.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

import tradectl
from tradectl.ledger.compiled import CompiledStatement

ROOT = Path(__file__).resolve().parents[2]
APART = ("tradectl.__main__", "tradectl.lab.", "tradectl.ledger.migrations.versions.", "tradectl.ledger.migrations.env")
LOADED = (
    *(found.name for found in pkgutil.walk_packages(tradectl.__path__, "tradectl.") if not found.name.startswith(APART)),
    "alembic.command",
    "pandas.core.methods.to_dict",
    "sqlalchemy.dialects.sqlite",
    "sqlite_utils",
    "tests.acceptance.hooks",
)
"""What the commands import: what is not imported here is imported again by each process."""


@dataclass(frozen=True)
class Said:
    """What a process said, and how it ended (minus the signal's number where one killed it)."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one object of `--json`."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def outcome(self) -> tuple[str, int]:
        return self.object["outcome"], self.code


@dataclass(frozen=True)
class Started:
    """A command that runs: its process, and the files of its stdout and stderr."""

    pid: int
    out: Path
    err: Path


class Server:
    """Start processes quickly. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.program_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        hook: Sequence[object] | None = None,
        *,
        stdin: str = "",
        umask: int | None = None,
    ) -> Said:
        """Run a command to its end. `stdin`: what it may read; `umask`: its own, else the server's."""
        return self.wait(self.start(argv, env, hook, stdin=stdin, umask=umask))

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        hook: Sequence[object] | None = None,
        *,
        stdin: str = "",
        umask: int | None = None,
    ) -> Started:
        """Start a command, and return while it runs."""
        self._started += 1
        given, out, err = (self.folder / f"{name}-{self._started}" for name in ("in", "out", "err"))
        given.write_text(stdin, encoding="utf-8")
        streams = [str(given), str(out), str(err)]
        pid = self._ask({"argv": list(argv), "env": dict(env), "streams": streams, "umask": umask, "hook": hook})
        return Started(pid, out, err)

    def wait(self, started: Started) -> Said:
        """Return how a command ended."""
        code = self._ask({"wait": started.pid})
        return Said(code, started.out.read_text(encoding="utf-8"), started.err.read_text(encoding="utf-8"))

    def _ask(self, request: Mapping[str, object]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def serve() -> None:
    """Until stdin ends."""
    for name in LOADED:
        importlib.import_module(name)
    statements = Statements()
    gc.freeze()  # a collection in a child would copy the pages of all that was imported
    reports: dict[int, Path] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            statements.compile(reports.pop(asked["wait"]))
            answer = os.waitstatus_to_exitcode(status)
        else:
            report = Path(f"{asked['streams'][1]}-compiled")
            answer = os.fork()
            if answer == 0:
                live(asked, partial(statements.report, report))
            reports[answer] = report
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


class Statements:
    """The ledger's statements. Each command reports which it compiled, and the server compiles these for the next commands."""

    def __init__(self) -> None:
        self._all = [found for found in gc.get_objects() if type(found) is CompiledStatement]
        self._sqlite = create_engine("sqlite://").connect()
        self._known: set[tuple[int, str]] = set()

    def report(self, file: Path) -> None:
        """Write the statements that this process compiled for SQLite, each with the names of its parameters."""
        keys = [(number, key) for number, statement in enumerate(self._all) for key in statement._compiled]
        new = [
            (number, names)
            for number, (dialect, *names) in keys
            if dialect == "sqlite" and (number, str(names)) not in self._known
        ]
        if new:
            file.write_text(json.dumps(new), encoding="utf-8")

    def compile(self, report: Path) -> None:
        """Compile what a command has reported. One that was killed reports nothing."""
        if not report.exists():
            return
        for number, names in json.loads(report.read_text(encoding="utf-8")):
            self._all[number]._compile_for(self._sqlite, dict.fromkeys(names))
            self._known.add((number, str(names)))
        report.unlink()


def live(asked: dict[str, Any], at_end: Callable[[], None]) -> None:
    """The life of one command: `argv`, `env`, `streams` (three files), `umask`, and a `hook` of the acceptance tests."""
    become(asked["env"], asked["streams"], asked["umask"])
    code = 1
    try:
        if asked["hook"] is not None:
            from tests.acceptance import hooks

            name, *arguments = asked["hook"]
            getattr(hooks, name)(*arguments)
        from tradectl.cli.app import main

        sys.argv = ["tradectl", *asked["argv"]]
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - what the interpreter does with an error that nobody caught
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        with suppress(OSError):  # a test may have made the disk read-only
            at_end()
        os._exit(code)


def become(env: dict[str, str], streams: list[str], umask: int | None) -> None:
    """Take on an environment, its time zone, the standard streams and a umask."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    given, *printed = streams
    os.dup2(os.open(given, os.O_RDONLY), 0)
    for number, file in enumerate(printed, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if umask is not None:
        os.umask(umask)


if __name__ == "__main__":
    serve()
