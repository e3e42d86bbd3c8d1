"""Strategies that an installed package brings: pip installs it without a network, and another process finds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import market_in

RULE = """class Bought:
    description = "Of a package"

    def entry(self, bars):
        return bars.rsi(2) < 20

    def exit(self, bars, held):
        return bars.close > bars.sma(5)
"""
POINTS = """[tradectl.strategies]
bought = my_rules.bought:Bought
gone = my_rules.gone
"""
WHEEL = {
    "my_rules/__init__.py": "",
    "my_rules/bought.py": RULE,
    "my_rules-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: my-rules\nVersion: 1.0\n",
    "my_rules-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "my_rules-1.0.dist-info/entry_points.txt": POINTS,
}
"""The files of a package. pip writes the hashes of RECORD itself."""
WORDS = ("--from", "2024-06-01", "--look-ahead", "0")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip installed a package with a strategy."""
    folder = tmp_path_factory.mktemp("package")
    wheel, target = folder / "my_rules-1.0-py3-none-any.whl", folder / "target"
    record = "my_rules-1.0.dist-info/RECORD"
    with ZipFile(wheel, "w") as file:
        for name, text in (WHEEL | {record: "".join(f"{name},,\n" for name in (*WHEEL, record))}).items():
            file.writestr(name, text)
    words = ("install", "-q", "--no-index", "--no-deps", "--target", str(target), str(wheel))
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=300)
    return target


@pytest.fixture
def researcher(home: Path, tmp_path: Path, tradectl: Tradectl, installed: Path, monkeypatch: pytest.MonkeyPatch) -> Tradectl:
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{market_in(tmp_path / "market").market}"\n')
    monkeypatch.syspath_prepend(str(installed))
    return tradectl


def test_a_strategy_of_a_package_is_traded(researcher: Tradectl, home: Path) -> None:
    said = researcher("backtest", "demo", "--strategy", "bought", *WORDS, "--json")
    assert said.code == 0
    result = said.object["result"]
    assert (result["rule"]["name"], result["rule"]["entry"]) == ("bought", "bars.rsi(2) < 20")
    assert len(result["trades"]) > 20
    (home / "strategies").mkdir()
    (home / "strategies" / "bought.py").write_text(RULE.replace("20", "30"))
    own = researcher("backtest", "demo", "--strategy", "bought", *WORDS, "--json").object["result"]
    assert own["rule"]["entry"] == "bars.rsi(2) < 30"


def test_another_process_finds_it_and_one_without_it_does_not(researcher: Tradectl, home: Path, installed: Path) -> None:
    words = [sys.executable, "-m", "tradectl", "backtest", "demo", "--strategy", "bought", *WORDS]
    found = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": str(installed)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert (found.returncode, "Rule: entry bars.rsi(2) < 20" in found.stdout) == (0, True), found.stderr
    lacking = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert (lacking.returncode, "there is no strategy 'bought'" in lacking.stderr) == (2, True)


def test_a_package_without_the_file_is_one_line(researcher: Tradectl) -> None:
    said = researcher("backtest", "demo", "--strategy", "gone", *WORDS)
    assert (said.code, said.err) == (
        4,
        "tradectl: the package my-rules, which provides gone (tradectl.strategies), cannot be read: there is no source file of "
        "the module my_rules.gone; install it again, or remove it\n",
    )
