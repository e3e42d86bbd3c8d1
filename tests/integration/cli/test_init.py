"""`init` asks on a terminal, and asks nothing with an option or without a terminal; it writes a documented tradectl.toml."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.cases.processes import environment
from tests.integration.cli.conftest import Tradectl
from tradectl.bootstrap.settings_file import EXAMPLES, settings_text
from tradectl.settings import KEYS, read_file


def on_a_terminal(home: Path, answers: Sequence[str], *words: str) -> str:
    """Run `init` on a terminal and type an answer after each question; return all that it printed."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tradectl", "init", *words],
        env=environment(home, {"NO_COLOR": "1"}), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.close(terminal)
    assert process.stdout is not None
    said = b""
    for answer in answers:
        while not said.endswith(b": "):
            part = os.read(process.stdout.fileno(), 1000)
            assert part, said
            said += part
        os.write(controller, f"{answer}\n".encode())
        said += b"\n"
    said += process.communicate(timeout=60)[0]
    os.close(controller)
    assert process.returncode == 0, said
    return said.decode()


def test_on_a_terminal_enter_takes_each_default(home: Path):
    said = on_a_terminal(home, [""] * 5)
    assert [word for word in ("Mode", "Capital", "Universe", "Live prices", "Notifications") if word not in said] == []
    assert read_file(home / "tradectl.toml") == {"quotes": "yahoo"}
    assert "no live prices" not in said
    assert said.splitlines()[-3:][0].startswith("  tradectl prices --force")
    assert said.splitlines()[-2:] == ["  tradectl crontab install", "  tradectl doctor"]


def test_typed_answers_are_kept(tradectl: Tradectl, home: Path):
    said = on_a_terminal(home, ["paper", "2,50,000", "nifty50", "imported", "json://127.0.0.1:9/t0ken"])
    assert "t0ken" not in said
    assert tradectl("config", "get", "universe").out == "nifty50\n"
    assert tradectl("config", "get", "notify.urls").out == "(secret)\n"
    assert tradectl("user", "list", "--json").object["result"][0]["capital"] == "250000.00"
    assert read_file(home / "tradectl.toml") == {}


def test_a_wrong_answer_is_asked_for_again(tradectl: Tradectl, home: Path):
    said = on_a_terminal(home, ["papr", "live", "zerodha", "kite", "-5", "300000", "nifty50", ""])
    for line in ("the mode of a home must be paper or live, not 'papr'", "there is no broker 'zerodha'", "Capital in rupees"):
        assert line in said
    assert said.splitlines()[-3:] == ["  tradectl broker set kite", "  tradectl login", "  tradectl doctor"]
    assert tradectl("user", "list", "--json").object["result"][0]["capital"] == "300000.00"


def test_with_an_option_nothing_is_asked(home: Path):
    assert "Capital in rupees" not in on_a_terminal(home, [], "--capital", "500000")


def test_without_a_terminal_nothing_is_asked(tradectl: Tradectl, home: Path):
    said = tradectl("init", "--prices", "yahoo", "--universe", "nifty50", "--json", stdin="")
    result = said.object["result"]
    assert (result["quotes"], result["universe"], len(result["next"])) == ("yahoo", "nifty50", 3)
    assert (home / "tradectl.toml").stat().st_mode & 0o777 == 0o600


def test_a_home_without_live_prices_is_told_what_that_means(tradectl: Tradectl):
    said = tradectl("init")
    assert "no order fills and no position is sold" in said.err
    checks = {item["check"]: item["state"] for item in tradectl("doctor", "--offline", "--json").object["result"]}
    assert checks["fills"] == "wrong"


def test_the_settings_file_has_every_key_commented():
    text = settings_text({})
    assert tomllib.loads(text) == {}
    assert sorted(EXAMPLES) == sorted(KEYS)
    for key, meaning in KEYS.items():
        assert f'# {meaning}\n# {key} = "{EXAMPLES[key]}"\n' in text
    assert tomllib.loads(text.replace("\n# ", "\n#").replace("\n#quotes", "\nquotes")) == {"quotes": "yahoo"}


def test_an_existing_settings_file_is_left(tradectl: Tradectl, home: Path):
    home.mkdir()
    (home / "tradectl.toml").write_text('color = "off"\n', encoding="utf-8")
    said = tradectl("init", "--prices", "yahoo")
    assert 'write `quotes = "yahoo"` into it' in said.err
    assert read_file(home / "tradectl.toml") == {"color": "off"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--prices", "reuters"), "prices are yahoo, imported, or those of a broker"),
        (("--mode", "live", "--broker", "kite", "--prices", "yahoo"), "a live home uses the prices of its broker"),
        (("--capital", "0"), "the capital must be more than 0"),
        (("--universe", "nifty20"), "nifty20 is no list; known lists: nifty50, nifty100, nifty200, nifty500, all"),
        (("--universe", "shares.csv"), "shares.csv"),
        (("--demo-data", "--mode", "live"), "--demo-data makes a paper home"),
    ],
)
def test_a_wrong_choice_makes_nothing(tradectl: Tradectl, home: Path, words: tuple[str, ...], line: str):
    said = tradectl("init", *words)
    assert said.code == 2
    assert line in said.err
    assert not home.exists()


def test_a_universe_is_checked_with_the_prices_that_are_stored(tradectl: Tradectl, home: Path, real_market: Path):
    home.mkdir()
    (home / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    said = tradectl("init", "--universe", "RELIANCE,RELIANZ")
    assert (said.code, "RELIANZ is neither a list nor a symbol" in said.err) == (2, True)
    assert not (home / "ledger.db").exists()
    said = tradectl("init", "--universe", "RELIANCE,INFY", "--json")
    assert (said.code, said.object["result"]["universe"]) == (0, "RELIANCE,INFY")


def test_without_prices_symbols_are_stored_with_a_warning(tradectl: Tradectl):
    said = tradectl("init", "--universe", "RELIANCE,INFY")
    assert (said.code, "no prices are stored, so the universe 'RELIANCE,INFY' was not checked" in said.err) == (0, True)


def test_a_demo_home_has_prices_and_a_clock(tradectl: Tradectl):
    said = tradectl("init", "--demo-data", "--json").object["result"]
    assert said["universe"] == "demo"
    assert tradectl("status").code == 2
    assert tradectl("data", "list", "--json", "--at", "2025-10-28 16:00").code == 0


def test_a_second_init_leads_to_what_an_interrupted_one_lacks(tradectl: Tradectl, home: Path):
    """`init` commits the ledger before it makes the paper exchange and the settings file."""
    assert tradectl("init", "--capital", "1000000", "--prices", "yahoo").code == 0
    (home / "tradectl.toml").unlink()
    (home / "paper.db").unlink()
    again = tradectl("init", "--capital", "1000000", "--prices", "yahoo")
    assert (again.code, again.out) == (4, "")
    lacks = "after an `init` that was interrupted, `tradectl doctor` names what it lacks"
    assert again.err == f"tradectl: {home} is a home already; {lacks}\n"
    found = tradectl("doctor", "--json").object["result"]
    (fills,) = [item for item in found if item["check"] == "fills"]
    assert "no source of quotes is set" in fills["text"]
    assert tradectl("status").code == 0
