"""The published contract of `--json`: a schema for every command, exact settings, help and mistakes as one object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from tests.integration.cli.conftest import Tradectl
from tests.support.contract import differences
from tradectl.cli.app import app
from tradectl.cli.contract.commands import RESULTS, envelope_schema
from tradectl.cli.contract.json_schema import closed, schema_of
from tradectl.cli.invocation import rounded

ROOT = Path(__file__).parents[3]
AT = ("--at", "2025-11-10 10:00")
UNKNOWN = [
    ("executions", "--task", "nosuch"),
    ("executions", "--status", "nosuch"),
    ("logs", "--task", "nosuch"),
    ("logs", "--level", "nosuch"),
    ("logs", "--symbol", "NOSUCH"),
    ("orders", "list", "--symbol", "NOSUCH"),
    ("orders", "list", "--status", "nosuch"),
    ("orders", "show", "nosuch"),
    ("why", "NOSUCH"),
    ("init", "--mode", "nosuch"),
    ("user", "add", "x", "--role", "nosuch"),
    ("config", "set", "charges", "nosuch"),
    ("config", "set", "universe", "nosuch"),
    ("config", "set", "universe", "nosuch.csv"),
    ("config", "set", "signals_from", "nosuch"),
    ("config", "set", "nosuch", "1"),
    ("buy", "--slot", "nosuch"),
    ("sell-monitor", "--until", "nosuch"),
    ("data", "fetch", "--source", "nosuch"),
    ("data", "check", "--universe", "nosuch"),
    ("backtest", "NOSUCH"),
    ("status", "--user", "nosuch"),
    ("schedule", "enable", "nosuch"),
    ("sandbox", "trade", "NOSUCH", "BUY", "5", "100"),
    ("data", "sessions", "add", "2025-11-04", "--kind", "nosuch"),
    ("crontab", "--zone", "nosuch"),
]


@pytest.fixture(scope="module")
def market_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one bar of one company."""
    folder = tmp_path_factory.mktemp("market")
    bars = folder / "bars.csv"
    bars.write_text("symbol,series,date,open,high,low,close,volume\nALPHA,EQ,2025-11-07,100,101,99,100,5000\n", encoding="utf-8")
    for words in (["init"], ["data", "import", str(bars)]):
        words += ["--home", str(folder / "home"), *AT]
        assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    return folder / "home"


@pytest.fixture
def traded(tradectl: Tradectl, market_home: Path, monkeypatch: pytest.MonkeyPatch) -> Tradectl:
    monkeypatch.setenv("TRADECTL_HOME", str(market_home))
    return tradectl


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[str]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from commands(command, (*before, name))
        elif not command.hidden:
            yield " ".join((*before, name))


def test_every_command_has_a_schema_and_no_other() -> None:
    assert set(commands(typer.main.get_command(app))) == set(RESULTS)


def test_the_published_schemas_are_json_schema() -> None:
    published = json.loads((ROOT / "docs/reference/schemas.json").read_text(encoding="utf-8"))
    assert set(published) == {*RESULTS, ""}
    for command in ("status", "orders list", "config set", ""):
        Draft202012Validator.check_schema(published[command])
        assert published[command] == envelope_schema(command)


def test_a_result_with_another_key_or_type_differs() -> None:
    right = {"command": "config set", "user": "me", "mode": "paper", "session": None, "outcome": "completed", "exit_code": 0}
    right |= {"result": {"key": "max_positions", "value": "3"}, "error": None}
    assert list(differences(right)) == []
    for wrong in ({"result": {"key": "a", "value": 3}}, {"result": {"key": "a"}}, {"outcome": "done"}, {"more": 1}):
        assert list(differences(right | wrong))


def test_money_must_be_text_with_two_decimals() -> None:
    order = schema_of(RESULTS["orders list"])["$defs"]["OrderRow"]["properties"]
    validator = Draft202012Validator(order["price"])
    assert [validator.is_valid(value) for value in ("100.50", "-3.00", "100.5", 100.5, "1,00,000.00")] == [
        True,
        True,
        *[False] * 3,
    ]
    assert order["side"] == {"enum": ["BUY", "SELL"]}
    assert "user" not in order


def test_an_undeclared_key_is_an_error_in_tests_alone() -> None:
    schema = envelope_schema("user add")
    found = {"command": "user add", "user": "me", "mode": "paper", "session": None, "outcome": "completed", "exit_code": 0}
    found |= {"result": {"user": "a", "role": "user", "later": 1}, "error": None}
    assert Draft202012Validator(schema).is_valid(found)
    assert not Draft202012Validator(closed(schema)).is_valid(found)


@pytest.mark.parametrize("words", UNKNOWN, ids=" ".join)
def test_an_unknown_value_is_exit_2_and_one_object(traded: Tradectl, words: tuple[str, ...]) -> None:
    said = traded(*words, *AT, "--json")
    found = said.object
    assert (said.code, found["outcome"], found["exit_code"]) == (2, "failed", 2), said.out
    assert found["result"]["reason"] == found["error"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("config", "--help"), "config"),
        (("config", "set", "--help"), "config set"),
        (("data", "sessions", "add", "--help"), "data sessions add"),
        ((), ""),
        (("--help",), ""),
    ],
)
def test_help_is_one_object(tradectl: Tradectl, home: Path, words: tuple[str, ...], command: str) -> None:
    found = tradectl(*words, "--json").object
    assert (found["command"], found["exit_code"], found["error"]) == (command, 0, None)
    assert found["result"]["help"].startswith(f"Usage: tradectl {command}".rstrip())
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("orders", "--limit", "many"), "orders list"),
        (("orders", "--at", "noon"), "orders list"),
        (("config", "set", "max_positions"), "config set"),
        (("data", "sessions", "add"), "data sessions add"),
        (("config", "nosuch"), "config"),
        (("--at", "noon", "data", "sessions"), "data sessions list"),
    ],
)
def test_a_mistake_names_the_whole_command(tradectl: Tradectl, words: tuple[str, ...], command: str) -> None:
    found = tradectl(*words, "--json").object
    assert (found["command"], found["exit_code"]) == (command, 2)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("turnover_share", "0.004", "0.004"),
        ("entry_premium", "0.00125", "0.00125"),
        ("capital_per_trade", "1,00,000", "100000"),
        ("capital_per_trade", "12,34,567", "1234567"),
        ("max_order_value", "1,234,567", "1234567"),
        ("prior_net", "-1.5", "-1.5"),
        ("max_price", "1e6", "1000000"),
        ("allow_stale", "yes", "on"),
    ],
)
def test_a_setting_is_kept_and_printed_exactly(tradectl: Tradectl, key: str, text: str, value: str) -> None:
    assert tradectl("config", "set", key, text).out == f"{key} = {value}\n"
    assert tradectl("config", "get", key).out == f"{value}\n"
    assert tradectl("config", "get", key, "--json").object["result"]["value"] == value
    assert [row for row in tradectl("config", "list", "--changed").out.splitlines() if row.split()[:2] == [f"{key}*", value]]


@pytest.mark.parametrize("text", ["1,0", "1,00,00", "10,0000", ",100", "1,000,00", "-1,00,000"])
def test_a_number_with_odd_separators_is_refused(tradectl: Tradectl, text: str) -> None:
    assert tradectl("config", "set", "capital_per_trade", text).code == 2


def test_a_bound_is_printed_in_full(tradectl: Tradectl) -> None:
    assert tradectl("config", "get", "capital_per_trade", "--json").object["result"]["bounds"] == "1 to 1000000000"


def test_an_option_is_not_taken_for_a_negative_number(tradectl: Tradectl) -> None:
    assert "No such option: -x" in tradectl("config", "set", "prior_net", "-x").err


def test_a_universe_is_checked_when_it_is_set(traded: Tradectl) -> None:
    assert traded("config", "set", "universe", "ALPHA", *AT).code == 0
    assert traded("config", "set", "universe", "nifty500", *AT).code == 0
    said = traded("config", "set", "universe", "nifty5O", *AT)
    assert (said.code, "neither a list nor a symbol" in said.err) == (2, True)
    assert traded("config", "get", "universe", *AT).out == "nifty500\n"


def test_without_prices_a_universe_is_set_with_a_warning(tradectl: Tradectl) -> None:
    said = tradectl("config", "set", "universe", "ITC,TCS")
    assert (said.code, said.out) == (0, "universe = ITC,TCS\n")
    assert "no prices are stored" in said.err


def test_ratios_are_rounded_and_counts_are_not() -> None:
    assert rounded({"a": 0.123456, "b": [1, 2.00004], "c": "0.123456", "d": True}) == {
        "a": 0.1235, "b": [1, 2.0], "c": "0.123456", "d": True,
    }  # fmt: skip


def test_a_task_that_does_nothing_says_why_in_its_result(traded: Tradectl) -> None:
    found = traded("buy", "--session", "2025-11-09", *AT, "--json").object
    assert (found["outcome"], found["error"]) == ("not_a_session", None)
    assert "2025-11-09" in found["result"]["reason"]


@pytest.mark.parametrize(
    "words",
    [
        ("prices", "--dry-run"),
        ("crontab",),
        ("systemd",),
        ("systemd", "show", "--timer"),
        ("help",),
        ("help", "run-every-day"),
        ("telegram",),
        ("telegram", "forget"),
        ("config", "set", "notify.quiet_hours", "22:00 - 07:00"),
        ("config", "list"),
    ],
    ids=" ".join,
)
def test_a_command_of_the_machine_keeps_its_schema(traded: Tradectl, words: tuple[str, ...]) -> None:
    assert traded(*words, *AT, "--json").object["result"]


def test_a_switch_of_messages_is_text_as_every_setting(tradectl: Tradectl) -> None:
    said = tradectl("config", "set", "notify.buy_placed", "off", "--json")
    assert (said.code, said.object["result"]) == (0, {"key": "notify.buy_placed", "value": "off"})
    item = tradectl("config", "get", "notify.buy_placed", "--json").object["result"]
    assert (item["value"], item["default"], item["changed"]) == ("off", "on", True)
    assert tradectl("config", "get", "notify.buy_placed").out == "off\n"
