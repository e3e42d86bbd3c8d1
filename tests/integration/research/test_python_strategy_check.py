"""`strategy check` of code in Python: each mistake that is built on purpose is found, and an honest rule passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl, home, tradectl
from tests.integration.research.studies import market_in
from tradectl.settings import Settings

pytest.importorskip("tradectl.strategy.python_form", reason="the Python form of a strategy is not there yet")
__all__ = ["home", "tradectl"]
RULE = """
import numpy as np
{head}

class Dip:
    description = "a dip"
    parameters = {{"oversold": {{"default": 20, "low": 2, "high": 40}}}}

    def entry(self, bars):
        return (bars.rsi(2) < self.oversold) & (bars.close > bars.sma(50)) & known(bars)

    def exit(self, bars, held):
        {exit}
"""
STOP = """
    def stop(self, bars, held):
        return held.entry * 0.9
"""
"""`simulate` steps through each minute for a rule with a stop, so only an honest rule has one here."""
MONTH = ("--from", "2024-05-01", "--to", "2024-05-31")
"""Short, because `check` simulates each session; each mistake changes a trade or a column in it."""
NO_MEMORY = "def known(bars):\n    return True\n"
HONEST = "return bars.close > bars.sma(5)"
MEMORY = """
SEEN = {}


def known(bars):
    \"\"\"Return whether the last calls did not each have one bar more, as those of evening after evening have.\"\"\"
    key, length = float(bars.close[0]), len(bars.close)
    before, evenings = SEEN.get(key, (0, 0))
    SEEN[key] = length, evenings + 1 if length == before + 1 else 0
    return SEEN[key][1] < 5
"""
MISTAKES = {
    "a centred moving average": ("", 'return bars.close > np.convolve(bars.close, np.ones(5) / 5, "same")', 13, "no future"),
    "shift(-1)": ("", "return bars.close > np.append(bars.close[1:], np.nan)", 13, "no future"),
    "the mean of all bars": ("", "return bars.close > bars.close.mean()", 13, "no future"),
    "a read of the next bar": ("", "return bars.close > bars.close[np.arange(1, 1 + len(bars.close))]", 14, "bounds"),
    "a random number": ("import random", "return bars.close > random.random()", 14, "random.random"),
    "a random number of numpy": ("", "return bars.close > np.random.rand()", 14, "numpy.random.rand"),
    "datetime.now": ("from datetime import datetime", "return bars.close > datetime.now().year", 14, "datetime.datetime.now"),
    "a file read": ("", 'return bars.close > len(open("/etc/hostname").read())', 14, "it opens the file /etc/hostname"),
    "a file read of the module": ('TEXT = open("/etc/hostname").read()', HONEST, 14, "it opens the file /etc/hostname"),
    "an order of a set": ("", 'return bars.close > (0 if min("abcdef", key=hash) < "b" else 1e9)', 14, "deterministic"),
    "a memory": (MEMORY, HONEST, 14, "simulate"),
    "an error": ("", "return bars.close / nosuch", 14, "nosuch"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return market_in(tmp_path_factory.mktemp("checked"))


@pytest.fixture
def trader(home: Path, settings: Settings, tradectl: Tradectl) -> Tradectl:
    (home / "strategies").mkdir(parents=True)
    (home / "tradectl.toml").write_text(f'market = "{settings.market}"\n')
    return tradectl


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(trader: Tradectl, home: Path, mistake: str) -> None:
    head, code, exit_code, found = MISTAKES[mistake]
    (home / "strategies" / "dip.py").write_text(RULE.format(head=head if head == MEMORY else NO_MEMORY + head, exit=code))
    said = trader("strategy", "check", "dip", "--universe", "demo", *MONTH, "--json")
    assert said.code == exit_code
    failed = [item for item in said.object["result"]["checks"] if item["status"] == "failed"]
    assert any(found in line for item in failed for line in (item["name"], item["sentence"], *item["details"]))
    assert trader("strategy", "use", "dip").code == 9


@pytest.mark.parametrize(
    ("stop", "span"),
    [
        pytest.param("", MONTH, id="without a stop"),
        pytest.param(STOP, MONTH, id="with a stop"),
        pytest.param(STOP, ("--from", "2024-01-01"), id="over eighteen months", marks=pytest.mark.slow),
    ],
)
def test_an_honest_rule_passes(trader: Tradectl, home: Path, stop: str, span: tuple[str, ...]) -> None:
    (home / "strategies" / "dip.py").write_text(RULE.format(head=NO_MEMORY, exit=HONEST) + stop)
    said = trader("strategy", "check", "dip", "--universe", "demo", *span, "--json")
    assert (said.code, said.object["result"]["failures"]) == (0, [])
    states = {item["name"]: item["status"] for item in said.object["result"]["checks"]}
    assert states["same trades in simulate"] == states["deterministic"] == states["no future"] == "passed"
    assert trader("strategy", "use", "dip").code == 0
