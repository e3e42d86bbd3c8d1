"""The manual comes with the program: `help` shows its pages, and shells complete what a home has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import environment, shell
from tests.conftest import ROOT
from tests.integration.cli.conftest import Tradectl
from tradectl.cli import help as manual

HOW_TOS = sorted(path.stem for path in (ROOT / "docs" / "how-to").glob("*.md"))


def completed(home: Path, *words: str) -> list[str]:
    """Return what bash would offer after these words; the last one is incomplete."""
    asked = {"_TRADECTL_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("tradectl", *words)), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, "-m", "tradectl"], env=environment(home, asked), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_help_lists_every_how_to(tradectl: Tradectl):
    listed = [item["topic"] for item in tradectl("help", "--json").object["result"]]
    assert listed[0] == "first-day"
    assert listed[1:] == HOW_TOS


@pytest.mark.parametrize("topic", ["run-every-day", "every-day", "run every day", "run-every-day.md"])
def test_a_part_of_the_name_shows_the_page(tradectl: Tradectl, topic: str):
    assert tradectl("help", topic).out == (ROOT / "docs" / "how-to" / "run-every-day.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("topic", "line"), [("trade", "trade-at-dhan, trade-through-openalgo"), ("nonsense", "has no page")])
def test_an_unclear_topic_names_what_there_is(tradectl: Tradectl, topic: str, line: str):
    said = tradectl("help", topic)
    assert said.code == 2
    assert line in said.err


def test_a_shell_completes_what_the_program_has(tmp_path: Path):
    home = tmp_path / "home"
    assert completed(home, "config", "set", "rsi_e") == ["rsi_entry_above", "rsi_entry_below", "rsi_exit"]
    assert completed(home, "schedule", "disable", "amo") == ["amo-adjust"]
    assert completed(home, "crontab", "in") == ["install"]


@pytest.mark.slow
def test_a_shell_completes_what_the_home_has(tmp_path: Path):
    home, at = tmp_path / "home", "2025-10-28"
    made = f'tradectl init --demo-data -q && tradectl --at "{at} 16:00" analyze -q && tradectl --at "{at} 16:05" buy -q'
    assert shell(made, home).returncode == 0
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    assert completed(home, "why", "BR") == ["BRINDAVOX"]
    assert completed(home, "--home", str(home), "orders", "show", "") == ["4", "3", "2", "1"]
    assert completed(tmp_path / "none", "orders", "show", "") == []
    assert not (tmp_path / "none").exists()
    assert {path.name: path.stat().st_mtime_ns for path in home.iterdir() if path.name in before} == before


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_a_shell(tmp_path: Path, name: str):
    """The shell is found by its process, so it runs the command itself."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name}")
    words = f"{sys.executable} -m tradectl --install-completion; true"
    env = environment(tmp_path / "home", {"HOME": str(tmp_path), "SHELL": found})
    done = subprocess.run([found, "-c", words], env=env, capture_output=True, text=True, check=False)
    assert f"{name} completion installed" in done.stdout, done
    scripts = [
        path for path in tmp_path.rglob("*") if path.is_file() and "_TRADECTL_COMPLETE" in path.read_text(encoding="utf-8")
    ]
    assert len(scripts) == 1
    if name != "zsh":  # its script needs compinit
        assert subprocess.run([found, str(scripts[0])], env=env, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_wheel_has_the_manual_and_the_man_page(tmp_path: Path):
    source, place = tmp_path / "source", tmp_path / "place"
    shutil.copytree(
        ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git", "build", "*.egg-info", ".*_cache")
    )
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    words = [*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(source)]
    built = subprocess.run(words, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(place)
    assert sorted(path.stem for path in (place / "tradectl" / "manual" / "how-to").iterdir()) == HOW_TOS
    (page,) = place.glob("*.data/data/share/man/man1/tradectl.1")
    assert page.read_bytes() == (ROOT / "docs" / "reference" / "tradectl.1").read_bytes()
    for part, kind in product(("report_page", "dashboard"), ("assets", "templates")):  # pages are written from them
        names = [{path.name for path in (folder / "tradectl" / part / kind).iterdir()} for folder in (ROOT, place)]
        assert names[0] == names[1]
    env = {**os.environ, "PYTHONPATH": str(place), "TRADECTL_HOME": str(tmp_path / "home")}
    words = [sys.executable, "-P", "-m", "tradectl", "help", "go-live"]
    said = subprocess.run(words, env=env, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.startswith("# How to go live")


def test_no_help_names_a_type_of_the_language() -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert "- `--limit` `N`: Maximum number of rows." in page
    assert not [word for word in ("`STR`", "`INT", "`FLOAT", "RANGE`") if word in page]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_page_fits_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for name, page in manual.pages("tutorial", "how-to", "explanation").items():
        drawn = manual.drawn(page.read_text(encoding="utf-8"))
        assert max(map(len, drawn.splitlines())) <= width, name
        assert "](" not in drawn, name


def test_a_drawn_page_keeps_commands_and_names_other_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    drawn = manual.drawn("# Title\n\nRun `why SYMBOL`, see [the audit](../how-to/audit.md#head).\n\n```\na `b`  c\n```\n")
    assert "Run `why SYMBOL`, see the audit (`tradectl help audit`)." in drawn
    assert " a `b`  c" in drawn.splitlines()
