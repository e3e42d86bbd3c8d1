"""Case 05: one share has one symbol, however files and people spell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.cases.inputs import cases
from tests.integration.cli.conftest import Tradectl, home, tradectl

__all__ = ["cases", "home", "tradectl"]


@pytest.fixture
def imported(cases: Path, tradectl: Tradectl) -> Tradectl:
    folder = cases / "05-symbol-spelling"
    done = tradectl("data", "import", *(str(folder / name) for name in ("eq.csv", "lower.csv", "actions.csv")))
    assert (done.code, done.err) == (0, "")
    return tradectl


def test_three_spellings_are_one_instrument(imported: Tradectl) -> None:
    found = imported("data", "list", "--json").object["result"]
    assert (found["bars"], found["symbols"], found["actions"]) == (2, 1, 1)


def test_the_bonus_reaches_the_share(imported: Tradectl) -> None:
    """Without it the fall from 101 to 51 is a jump that no action explains."""
    found = imported("data", "check", "--no-indicators", "--json").object
    assert (found["exit_code"], [item["kind"] for item in found["result"] if item["count"]]) == (0, [])


@pytest.mark.parametrize("word", ["alpha", "ALPHA-EQ", "NSE:alpha", "Alpha.NS", "nse:ALPHA-EQ"])
def test_every_command_knows_every_spelling(imported: Tradectl, word: str) -> None:
    done = imported("backtest", word)
    assert (done.code, done.out.split(":")[0]) == (0, "ALPHA 2024-01-08 to 2024-01-09")
    assert imported("why", word).code == 0


def test_a_file_of_symbols_may_spell_and_quote_as_it_likes(imported: Tradectl, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    for content in ('Company Name,Symbol\n"Alpha, Beta & Co",alpha-eq\n', "# mine\nNSE:ALPHA  # first\n"):
        path.write_text(content)
        assert imported("backtest", str(path)).code == 0


def test_what_is_no_symbol_is_refused(imported: Tradectl, tmp_path: Path) -> None:
    assert imported("backtest", "ALPHA-BO").code == 2
    path = tmp_path / "bars.csv"
    path.write_text("date,symbol,series,open,high,low,close,volume\n2024-01-08,=cmd,EQ,1,1,1,1,1\n")
    done = imported("data", "import", str(path))
    assert (done.code, done.err) == (8, "tradectl: bars.csv row 2: symbol '=cmd' is no symbol of NSE\n")
