"""The command line in this process: the same path as the console script, without the start of an interpreter."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.contract import differences
from tradectl.cli.app import app


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """Stdout on one line, for a text that may be broken into lines."""
        return " ".join(self.out.split())

    @property
    def object(self) -> dict[str, Any]:
        """The one object on stdout, compared with the schema of its command."""
        found: dict[str, Any] = json.loads(self.out)
        assert list(differences(found)) == []
        return found


Tradectl = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def tradectl(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tradectl]:
    """Call it as the command line is written: `tradectl("orders", "list", "--json")`, in a home of its own."""
    for name in ("USER", "DB", "AT"):
        monkeypatch.delenv(f"TRADECTL_{name}", raising=False)
    monkeypatch.setenv("TRADECTL_HOME", str(home))

    def call(*words: str, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(app, list(words), input=stdin, catch_exceptions=False)
        return Said(result.exit_code, result.stdout, result.stderr)

    before = os.umask(0o077)  # as the console script begins
    yield call
    os.umask(before)
