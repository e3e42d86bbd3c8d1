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
    commands = [line for block in BLOCKS for line in block.splitlines() if line.startswith("tradectl ")]
    shown = [block for block in BLOCKS if block.startswith(("RANK", "SYMBOL"))]
    said = shell(" && ".join(commands), tmp_path / "home")
    assert said.returncode == 0, said
    assert (len(commands), len(shown)) == (21, 3)
    for block in shown:
        assert block in said.stdout
    assert "ledger and exchange agree to the paisa" in said.stdout
