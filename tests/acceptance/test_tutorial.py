"""The tutorial, run as it is written: a newcomer needs nothing but the program, and sees the numbers of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import shell
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "tutorial" / "first-day.md"
BLOCKS = re.findall(r"```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_prints_what_its_page_shows(tmp_path: Path):
    commands = [line for block in BLOCKS for line in block.splitlines() if re.match(r"tradectl \D", line)]
    shown = [block for block in BLOCKS if block.startswith(("RANK", "SYMBOL"))]
    summaries = [block for block in BLOCKS if block.startswith("tradectl 2025")]
    said = shell(" && ".join(commands), tmp_path / "home", {"COLUMNS": "80"})
    assert said.returncode == 0, said
    assert (len(commands), len(shown), len(summaries)) == (23, 3, 2)
    for block in shown:
        assert block in said.stdout
    for block in summaries:
        assert block in said.stderr
    assert "buy of 2025-10-28 completed: 4 placed, for 2025-10-29\n" in said.stdout
    assert "ledger and exchange agree to the paisa" in said.stdout


def test_the_day_of_the_readme_misses_no_slot_that_may_send(tmp_path: Path):
    """`status` at its end begins with what needs a person: nothing does, where every slot that sends orders has run."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(block for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) if "init --demo-data" in block)
    commands = [line for line in block.splitlines() if line.startswith("tradectl ")]
    last = next(index for index, line in enumerate(commands) if line.endswith(" status"))
    for line in commands[:last]:
        assert shell(line, tmp_path / "home").returncode == 0
    said = shell(commands[last], tmp_path / "home", {"COLUMNS": "80"})
    assert (said.returncode, said.stdout.splitlines()[0]) == (0, "me, paper, 2025-10-29 15:35:00 IST (virtual clock)"), (
        said.stdout
    )
    assert "premarket-retry 08:40   completed" in said.stdout
    following = next(block for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) if "strategy use dip" in block)
    for line in following.splitlines():
        said = shell(line, tmp_path / "home")
        assert said.returncode == 0, said.stderr
    assert "buys from the next `analyze` on" in said.stdout
