"""The real program, in a process of its own: pipes, signals to the shell, the console script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def run(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRADECTL_HOME": str(home), **more}
    return subprocess.run(
        [sys.executable, "-m", "tradectl", *words], env=environment, capture_output=True, text=True, check=False
    )


def test_a_reader_that_leaves_early_causes_no_traceback(tmp_path: Path):
    line = f"{sys.executable} -m tradectl config list | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "TRADECTL_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() in {"0", "141"}


def test_the_zone_of_the_machine_changes_nothing(tmp_path: Path):
    said = [
        run(tmp_path / zone, "buy", "--at", "2023-07-21 16:05", "--json", TZ=f"America/{zone}") for zone in ("New_York", "Lima")
    ]
    objects = [json.loads(item.stdout) for item in said]
    assert objects[0] == objects[1]
    assert (objects[0]["session"], objects[0]["outcome"], objects[0]["exit_code"]) == ("2023-07-21", "blocked", 9)


def test_a_bug_is_exit_code_1(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(
        "import tradectl.cli.crontab\ntradectl.cli.crontab.ist_date = None\n", encoding="utf-8"
    )
    done = run(tmp_path / "home", "crontab", "--json", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert json.loads(done.stdout)["exit_code"] == 1
    assert "Traceback" not in done.stderr


def test_when_a_command_is_over_its_databases_are_whole_files(tmp_path: Path, real_market: Path):
    """Nothing that they hold lies beside: whoever copies the file has it all. (Who only reads leaves an empty log there.)"""
    home, kept = tmp_path / "home", tmp_path / "kept"
    assert run(home, "init", "--at", "2023-07-20 08:00").returncode == 0
    assert beside(home) == set()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    assert run(home, "premarket-retry", "--at", "2023-07-20 08:00").returncode == 0
    assert run(home, "position-monitor", "--at", "2023-07-20 17:00").returncode == 12  # too late
    words = ("--from", "2023-07-20", "--to", "2023-07-20", "--universe", "nifty50", "--every", "60", "--keep", str(kept))
    assert run(home, "simulate", *words).returncode == 0
    assert beside(home) | beside(kept) == set()


def beside(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*-wal") if path.stat().st_size}
