"""Each command does what it says, in a home of its own on paper."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl

pytestmark = pytest.mark.any_day

FRIDAY = "2023-07-21"
AT = ("--at", f"{FRIDAY} 07:00")


def test_the_first_use_makes_a_paper_home_and_says_so(tradectl: Tradectl, home: Path):
    said = tradectl("user", "list", "--json")
    assert "created a paper account for me" in said.err
    [user] = said.object["result"]
    assert (user["user"], user["role"], user["capital"]) == ("me", "admin", "1000000.00")
    assert (home / "ledger.db").exists()
    assert "made" not in tradectl("user", "list").err


def test_init_makes_a_home_once(tradectl: Tradectl):
    said = tradectl("init", "--user", "asha", "--capital", "5,00,000", "--json")
    assert (said.code, said.object["user"], said.object["mode"]) == (0, "asha", "paper")
    assert tradectl("user", "list", "--json").object["result"][0]["capital"] == "500000.00"
    assert tradectl("init", "--user", "asha").code == 4


@pytest.mark.parametrize(("option", "value", "code"), [("--capital", "much", 2), ("--capital", "0", 2), ("--mode", "live", 4)])
def test_init_refuses_what_cannot_be(tradectl: Tradectl, option: str, value: str, code: int):
    assert tradectl("init", option, value).code == code


def test_a_second_user_has_a_timetable_and_must_be_named(tradectl: Tradectl):
    assert tradectl("user", "add", "ravi", "--capital", "200000").code == 0
    assert tradectl("user", "add", "ravi").code == 2
    assert len(tradectl("schedule", "--user", "ravi", "--json").object["result"]) == 8
    nobody = tradectl("status")
    assert (nobody.code, "--user NAME" in nobody.err) == (2, True)
    assert tradectl("status", "--user", "nobody").code == 2
    assert tradectl("--user", "ravi", "status", "--json").object["user"] == "ravi"


@pytest.mark.usefixtures("trading_hours")  # past the calendar a run ends with 8 before it is known to be off
def test_the_timetable_can_be_changed_and_a_task_switched_off(tradectl: Tradectl):
    [row] = tradectl("schedule", "set", "premarket-retry", "--times", "08:10,08:40 08:50", "--json").object["result"]
    assert row == {
        "task": "premarket-retry",
        "times": ["08:10", "08:40", "08:50"],
        "until": "08:55",
        "every": None,
        "enabled": True,
    }
    assert tradectl("schedule", "set", "buy", "--times", "23:30").code == 2
    assert tradectl("schedule", "disable", "nothing").code == 2
    tradectl("schedule", "disable", "buy")
    said = tradectl("buy", "--session", FRIDAY, "--json")
    assert (said.code, said.object["outcome"]) == (0, "disabled")
    tradectl("schedule", "enable", "buy")
    assert [row["enabled"] for row in tradectl("schedule", "list", "--json").object["result"]] == [True] * 8


def test_a_setting_is_checked_kept_and_reset(tradectl: Tradectl):
    assert tradectl("config", "set", "max_positions", "3").out == "max_positions = 3\n"
    item = tradectl("config", "get", "max_positions", "--json").object["result"]
    assert (item["value"], item["default"], item["changed"], item["unit"]) == ("3", "6", True, "positions")
    assert [item["key"] for item in tradectl("config", "list", "--changed", "--json").object["result"]] == ["max_positions"]
    tradectl("config", "unset", "max_positions")
    assert tradectl("config", "get", "max_positions").out == "6\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("set", "max_positions", "many"), "is a whole number"),
        (("set", "max_positions", "0"), "lies between"),
        (("set", "freeze", "never"), "is one of session, position"),
        (("set", "nonsense", "1"), "no setting is called"),
        (("get", "nonsense"), "no setting is called"),
        (("unset", "nonsense"), "no setting is called"),
    ],
)
def test_a_bad_setting_is_refused_in_one_line(tradectl: Tradectl, words: tuple[str, ...], line: str):
    tradectl("user", "list")
    said = tradectl("config", *words)
    assert (said.code, line in said.err, said.err.count("\n")) == (2, True, 1)


def test_where_messages_go_is_a_secret(tradectl: Tradectl, home: Path):
    url = "json://user:password@localhost/path"
    said = tradectl("config", "set", "notify.urls", "-", stdin=url)
    listed = tradectl("config", "list", "--json")
    assert said.code == 0
    assert "password" not in said.out + said.err + listed.out
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600
    assert b"password" not in (home / "ledger.db").read_bytes() + (home / "ledger.db-wal").read_bytes()
    assert tradectl("config", "unset", "notify.urls").code == 0
    assert tradectl("config", "set", "notify.urls", "nosuchservice://x").code == 2


def test_the_calendar_of_the_installation_is_obeyed(tradectl: Tradectl):
    words = ("data", "sessions", "add", FRIDAY, "--kind", "closed", "--name", "Strike")
    assert tradectl(*words).code == 0
    said = tradectl("buy", "--at", f"{FRIDAY} 16:05", "--json")
    assert (said.code, said.object["outcome"]) == (0, "not_a_session")
    assert [item["name"] for item in tradectl("data", "sessions", "--json").object["result"]["days"]] == ["Strike"]
    assert tradectl("data", "sessions", "remove", FRIDAY).code == 0


HOLIDAYS = ("01-26", "03-22", "03-26", "04-14", "10-08")
"""Closed weekdays of 2027."""


def test_a_year_is_covered_by_hand_only_as_a_whole(tradectl: Tradectl):
    def sessions(*words: str) -> tuple[int, str]:
        said = tradectl("data", "sessions", *words)
        return said.code, said.err

    cover = ("add", "2027", "--kind", "covered", "--name", "NSE circular")
    for day in HOLIDAYS[1:]:
        assert sessions("add", f"2027-{day}", "--kind", "closed")[0] == 0
    code, said = sessions(*cover)
    assert (code, "4 closed weekdays of 2027" in said, "Traceback" in said) == (4, True, False)
    assert sessions("add", "2027-01-30", "--kind", "closed")[0] == 0
    assert sessions(*cover)[0] == 4  # a Saturday does not count
    assert sessions("add", f"2027-{HOLIDAYS[0]}", "--kind", "closed")[0] == 0
    assert sessions(*cover)[0] == 0
    assert sessions("remove", "2027") == (0, "")
    assert sessions("remove", "2027")[0] == 2
    assert tradectl("data", "sessions", "--json").object["result"]["years"] == []


def test_a_year_that_leaves_a_gap_is_not_written(tradectl: Tradectl):
    said = tradectl("data", "sessions", "add", "2028", "--kind", "covered", "--name", "typo")
    assert (said.code, "2028 is covered but 2027 is not" in said.err) == (4, True)
    assert tradectl("buy", "--at", f"{FRIDAY} 10:00").code == 0
    assert tradectl("data", "sessions", "add", "2024", "--kind", "covered", "--name", "typo").code == 4


def test_a_calendar_with_a_gap_is_mended_by_its_commands(tradectl: Tradectl, home: Path):
    rows = [f"2027-{day},closed,,,,holiday" for day in HOLIDAYS]
    assert tradectl("user", "list").code == 0
    calendar = home / "sessions.csv"
    calendar.write_text("\n".join(["date,kind,open,close,runs,name", "2028,covered,,,,typo", *rows, ""]))
    said = tradectl("buy", "--at", f"{FRIDAY} 10:00")
    assert (said.code, "`tradectl data sessions remove 2028`" in said.err) == (4, True)
    assert tradectl("data", "sessions", "add", FRIDAY, "--kind", "closed").code == 4
    assert tradectl("data", "sessions", "remove", "2028").code == 0
    assert tradectl("buy", "--at", f"{FRIDAY} 10:00").code == 0
    calendar.write_text(calendar.read_text() + "2027,covered,,,,a\n2028,covered,,,,b\n")
    said = tradectl("data", "sessions", "remove", "2027")
    assert (said.code, "remove 2028 first" in said.err) == (4, True)
    assert [tradectl("data", "sessions", "remove", year).code for year in ("2028", "2027")] == [0, 0]


def test_every_no_of_a_task_has_its_word_and_its_code(tradectl: Tradectl):
    def outcome(*words: str) -> tuple[str, int]:
        said = tradectl(*words, "--json")
        return said.object["outcome"], said.code

    assert outcome("buy", "--at", "2023-07-22 16:05") == ("not_a_session", 0)
    assert outcome("buy", "--at", "2023-08-15 16:05") == ("not_a_session", 0)
    assert outcome("buy", "--at", "2023-08-16 10:00") == ("outside_window", 0)
    assert outcome("buy", "--at", "2023-08-16 10:00", "--strict") == ("outside_window", 3)
    assert outcome("buy", "--at", "2023-08-16 16:05") == ("blocked", 9)
    assert outcome("analyze", "--at", "2023-08-16 16:06") == ("failed", 8)
    assert outcome("amo-adjust", "--at", "2023-08-17 12:00") == ("missed", 12)


def test_a_task_beyond_the_known_sessions_fails(tradectl: Tradectl):
    said = tradectl("buy", "--at", "2031-08-16 16:05", "--json")
    assert (said.object["outcome"], said.code) == ("failed", 8)


def test_a_task_takes_only_the_options_that_make_sense(tradectl: Tradectl):
    assert tradectl("buy", "--until", "17:00", *AT).code == 2
    assert tradectl("sell-monitor", "--until", "soon", *AT).code == 2
    assert tradectl("position-monitor", "--slot", "09:31", "--at", f"{FRIDAY} 09:31").code == 2
    assert tradectl("buy", "--trigger", "ghost", *AT).code == 2
    assert "--trigger" not in tradectl("buy", "--help").out


def test_status_tells_the_day_and_what_is_missing(tradectl: Tradectl):
    said = tradectl("status", "--at", f"{FRIDAY} 09:06")
    assert said.code == 0
    assert "no service is running" in said.out
    assert f"session   {FRIDAY} is a run session; the next is 2023-07-24" in said.out
    states = {item["task"] + item["slot"]: item["state"] for item in _agenda(tradectl, f"{FRIDAY} 09:06")}
    assert (states["premarket-retry08:00"], states["amo-adjust"], states["buy"]) == ("earlier", "due", "later")


def test_status_tells_why_there_is_no_session(tradectl: Tradectl):
    assert "no run session: Saturday" in tradectl("status", "--at", "2023-07-22 10:00").out
    assert "is not known" in tradectl("status", "--at", "2031-07-22 10:00").out


def _agenda(tradectl: Tradectl, at: str) -> list[dict[str, str]]:
    agenda: list[dict[str, str]] = tradectl("status", "--json", "--at", at).object["result"]["agenda"]
    return agenda


def test_looking_at_nothing_says_so(tradectl: Tradectl):
    tradectl("user", "list")
    for words, text in [
        (("orders",), "No orders."),
        (("positions",), "No open positions."),
        (("positions", "--closed"), "No closed positions."),
        (("signals",), "No signals."),
        (("executions",), "No task has run."),
        (("logs",), "The log is empty."),
    ]:
        assert tradectl(*words).out == f"{text}\n"


def test_why_an_unknown_symbol_is_a_mistake(tradectl: Tradectl):
    assert tradectl("why", "NOSUCH").code in {2, 8}


def test_an_unreadable_date_is_a_mistake(tradectl: Tradectl):
    for words in (("orders", "list", "--session", "21.07.2023"), ("logs", "--day", "2023-13-01"), ("buy", "--session", "today")):
        said = tradectl(*words)
        assert (said.code, "is not a date" in said.err) == (2, True)


def test_a_daemon_does_not_live_in_the_past(tradectl: Tradectl):
    assert tradectl("daemon", *AT).code == 2


def test_run_due_answers_with_the_gravest(tradectl: Tradectl):
    tradectl("init", "--at", "2023-07-22 10:00")
    assert tradectl("run-due", "--at", "2023-07-22 10:00").out == "nothing is due\n"
    said = tradectl("run-due", "--at", "2023-07-24 16:05", "--json")
    assert said.code in {8, 9, 12}
    assert said.object["result"]["reports"]


def test_a_table_on_a_terminal_is_drawn_by_rich(monkeypatch: pytest.MonkeyPatch):
    from tradectl.cli import output

    plain = output.table(("name", ">price"), [("ACME", "1.00"), ("BETA", "10.00")])
    assert plain == "NAME  PRICE\nACME   1.00\nBETA  10.00"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    boxed = output.table(("name", ">price"), [("ACME", "1.00")])
    assert "ACME" in boxed
    assert "─" in boxed


def test_a_missed_slot_is_one_line_of_a_mail(tradectl: Tradectl) -> None:
    """Cron mails what `run-due -q` prints."""
    assert tradectl("init").code == 0
    assert tradectl("--at", "2023-08-17 07:00", "run-due", "-q").code == 0
    said = tradectl("--at", "2023-08-17 16:01", "run-due", "-q")
    assert said.err.count("missed: ") == 1
