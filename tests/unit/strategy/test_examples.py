"""The shipped example strategies: short files that can be read, whose parameters may be changed, and that the page shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tradectl.strategy.strategy_file import parse_strategy

FILES = sorted((ROOT / "tradectl" / "strategy" / "examples").glob("*.toml"))
PAGE = (ROOT / "docs" / "explanation" / "example-strategies.md").read_text(encoding="utf-8")


def test_there_is_an_example_of_each_kind() -> None:
    assert [file.stem for file in FILES] == ["breakout-55-20", "gap-reversal", "index-fund", "momentum-12-1", "rsi2-reversion"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_is_a_short_file_with_its_source(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") < 40
    found = parse_strategy(file.stem, text, file.name)
    assert found.description
    assert found.source
    assert all(item.meaning and item.unit and item.step for item in found.parameters)
    for item in found.parameters:
        for value in (item.low, item.high):
            found.rule({item.name: str(value)})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_shows_the_rule_of_the_file(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    shown = re.findall(rf"`strategies/{file.stem}\.toml`.*?```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 1
    rule = lines[: lines.index("") if "" in lines else None]
    kept = [line for line in rule if not line.startswith(("#", "description", "source"))]
    assert shown[0].splitlines() == kept
