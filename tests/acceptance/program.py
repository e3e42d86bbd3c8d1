"""The program as its users see it: words in, exit code and two streams out; and its files, read without its help."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.program_server import ROOT, Said, Server

Row = dict[str, Any]


@dataclass
class Tradectl:
    """The command line in one home. Call it with words; `at` is `--at`."""

    home: Path
    server: Server
    env: dict[str, str] = field(default_factory=dict)
    hook: Sequence[object] | None = None

    def __call__(self, *words: str, at: str | None = None, env: Mapping[str, str] | None = None) -> Said:
        """Run a command in a process of its own."""
        return self.server.run(self.argv(*words, at=at), self.environment(env), self.hook)

    def cold(self, *words: str, at: str | None = None, env: Mapping[str, str] | None = None) -> Said:
        """The same by a new interpreter, as a person or cron starts it."""
        line = [sys.executable, "-m", "tradectl", *self.argv(*words, at=at)]
        done = subprocess.run(line, cwd=ROOT, env=self.environment(env), capture_output=True, text=True, check=False, timeout=120)
        return Said(done.returncode, done.stdout, done.stderr)

    def argv(self, *words: str, at: str | None = None) -> list[str]:
        return ["--home", str(self.home), *(("--at", at) if at else ()), *words]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("TRADECTL_")} | self.env | (more or {})

    def hooked(self, *hook: object) -> Tradectl:
        """The same home, in processes that set up something first; see `hooks.py`."""
        return Tradectl(self.home, self.server, self.env, hook)

    def ledger(self, query: str, *values: object) -> list[Row]:
        return rows(self.home / "ledger.db", query, *values)

    def exchange(self, query: str, *values: object) -> list[Row]:
        return rows(self.home / "paper.db", query, *values)


def rows(file: Path, query: str, *values: object) -> list[Row]:
    """Read a database file as any SQLite tool would."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]
