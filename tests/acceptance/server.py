"""A process that has loaded tradectl once, and makes a process of its own for every command it is asked to run.

What a command costs is mostly its imports, and these tests run hundreds of commands. Each still is a process with its own
memory, environment, time zone, standard streams and end, and goes in by the program's own `main`: only the interpreter's
start is shared. Requests are JSON lines on stdin, exit codes are answered as lines on stdout.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import sys
import time
from typing import Any

import tradectl

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


def serve() -> None:
    """Until stdin ends."""
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy the pages of all that was imported
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            live(asked)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def live(asked: dict[str, Any]) -> None:
    """The life of one command: `argv`, `env`, `streams` (three files), `umask`, and a `hook` of this package to set up first."""
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
