"""Looking costs little: no library for data, network or secrets is loaded by --help, status, or a no-op rerun of a task."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pandas", "requests", "alembic", "apprise", "cryptography", "sqlite_utils", "ta", "pydantic")
LOOK = """
import runpy, sys
sys.argv = ["tradectl", *sys.argv[1:]]
try:
    runpy.run_module("tradectl", run_name="__main__")
except SystemExit as ended:
    code = ended.code
print("LOADED", *(name for name in {heavy} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("words", [("--help",), ("status",), ("orders", "--json"), ("buy", "--session", "2023-07-22")])
def test_nothing_heavy_is_loaded(tmp_path: Path, words: tuple[str, ...]):
    environment = {**os.environ, "TRADECTL_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(heavy=HEAVY), *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].split() == ["LOADED"]
