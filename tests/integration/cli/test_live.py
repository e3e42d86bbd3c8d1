"""A live home: which broker, what it must know, a login, and an arm without which no order goes out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import python_path
from tests.integration.cli.conftest import Said, Tradectl
from tests.support.brokers.house import register
from tradectl import bootstrap
from tradectl.brokers.account.credentials import login_lock
from tradectl.clock import VirtualClock
from tradectl.errors import Blocked, ConfigurationError, DataError, LoginNeeded
from tradectl.model.order import OrderRequest, Side
from tradectl.report.status import login_needed
from tradectl.settings import load

pytestmark = pytest.mark.any_day

ROOT = Path(__file__).parents[3]
CANARY = "canary-5f3a9c"


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = register(tmp_path / "packages")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def live(tradectl: Tradectl) -> Tradectl:
    assert tradectl("init", "--mode", "live", "--broker", "house").code == 0
    return tradectl


def told(live: Tradectl, text: str) -> Said:
    return live("broker", "set", "house", stdin=text)


def test_a_package_brings_its_broker_by_an_entry_point(tradectl: Tradectl) -> None:
    names = [item["broker"] for item in tradectl("broker", "list", "--json").object["result"]]
    assert names == ["kite", "kotak_neo", "openalgo", "dhan", "house"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("--mode", "live"), 4, "a live home needs a broker: use --broker NAME"),
        (("--mode", "live", "--broker", "nobody"), 2, "'nobody'; there are kite, kotak_neo, openalgo, dhan, house"),
        (("--broker", "house"), 4, "a paper home has no broker; use --mode live to trade at house"),
        (("--mode", "real"), 2, "the mode of a home must be paper or live, not 'real'"),
        (("--mode", "live", "--broker", "house", "--at", "2023-07-14 10:00"), 2, "a live home uses the machine's clock"),
    ],
)
def test_a_home_is_live_at_a_broker_or_on_paper(tradectl: Tradectl, words: tuple[str, ...], code: int, line: str) -> None:
    said = tradectl("init", *words)
    assert said.code == code
    assert line in said.err
    assert "\nme, paper" in f"\n{tradectl('status').out}"


def test_a_live_home_has_no_other_time(live: Tradectl) -> None:
    for words in (("status",), ("config", "set", "universe", "nifty50")):
        said = live(*words, "--at", "2023-07-14 10:00")
        assert (said.code, "machine's clock" in said.err) == (4, True)
    assert live("status").code == 0


def test_a_paper_home_needs_no_broker(tradectl: Tradectl) -> None:
    for words in (("login",), ("broker", "set", "house"), ("broker", "arm"), ("broker", "status")):
        said = tradectl(*words, stdin="")
        assert (said.code, "this home is paper" in said.err) == (4, True)


def test_a_trading_adapter_gives_a_paper_home_no_prices(tradectl: Tradectl, home: Path) -> None:
    home.mkdir()
    (home / "tradectl.toml").write_text('quotes = "house"\n', encoding="utf-8")
    assert tradectl("init").code == 0
    with (
        closing(bootstrap.open_world(load())) as world,
        pytest.raises(ConfigurationError, match="to a read-only account"),
    ):
        world.broker.quotes(["ACME"])


def test_status_says_where_orders_go(live: Tradectl) -> None:
    assert "\nme, LIVE at house, not armed: no order is sent, " in f"\n{live('status').out}"
    found = live("broker", "status", "--json").object["result"]
    assert (found["missing"], found["logged_in"], found["armed_since"]) == (["key", "client"], False, None)


def test_what_the_broker_must_know_is_read_and_never_shown(live: Tradectl, home: Path) -> None:
    said = told(live, f"key={CANARY}\nclient=AB1234\n")
    assert (said.code, said.out) == (0, "house: key, client stored\n")
    assert told(live, "kex=1\n").err == "tradectl: line 1 of stdin must be NAME=VALUE, where NAME is one of key, client, depot\n"
    assert told(live, "").out == "house: nothing stored\n"
    stored = b"".join(path.read_bytes() for path in home.glob("ledger.db*"))
    assert (CANARY.encode() in stored, b"AB1234" in stored) == (False, True)
    assert (home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_an_address_is_replaced_by_name(live: Tradectl) -> None:
    assert live("broker", "set", "house", "--address", "api=http://127.0.0.1:9", stdin="").code == 0
    said = live("broker", "set", "house", "--address", "feed=http://127.0.0.1:9", stdin="")
    assert (said.code, said.err) == (2, "tradectl: house has no address 'feed'; it has api\n")


def test_a_login_is_kept_for_everybody_until_it_ends(live: Tradectl) -> None:
    assert live("login", stdin="1234\n").code == 4
    told(live, f"key={CANARY}\nclient=AB1234\n")
    wrong = live("login", stdin="9999\n")
    assert (wrong.code, wrong.err) == (5, "tradectl: the house refused the PIN for ********\n")
    assert live("login", stdin="").code == 5
    right = live("login", stdin="1234\n")
    assert right.code == 0
    assert right.out.startswith("logged in at house, which reports this machine's address as 203.0.113.7, until ")
    assert live("login", stdin="").out.startswith("logged in already at house")
    assert live("login", "--again", stdin="9999\n").code == 5
    assert live("status", "--json").object["result"]["logged_in_until"] is not None
    found = live("broker", "status", "--json").object["result"]
    assert (found["logged_in"], found["seen_ip"], found["missing"]) == (True, "203.0.113.7", [])


@pytest.mark.parametrize(
    ("until", "opens", "needed"),
    [
        (None, "16:00", "buy"),
        ("15:00", "16:00", "buy"),
        ("16:00", "16:00", "buy"),
        ("18:00", "16:00", ""),
        ("11:00", "09:00", "buy"),  # it is due since 09:00, and may run at 12:00
    ],
)
def test_status_knows_for_what_a_login_is_needed(until: str | None, opens: str, needed: str) -> None:
    def at(text: str) -> str:
        return f"2026-11-25T{text}:00+05:30"

    agenda = [
        {"task": "eod", "slot": "", "state": "completed", "opens": at("18:30")},
        {"task": "buy", "slot": "", "state": "due", "opens": at(opens)},
    ]
    told = {
        "mode": "live",
        "broker": "house",
        "now": at("12:00"),
        "logged_in_until": at(until) if until else None,
        "agenda": agenda,
    }
    assert login_needed(told) == needed
    assert login_needed(told | {"mode": "paper"}) == needed  # on the prices of a broker
    assert login_needed(told | {"mode": "paper", "broker": None}) == ""


@pytest.mark.usefixtures("trading_hours")
def test_orders_go_out_only_where_somebody_has_armed(live: Tradectl) -> None:
    request = OrderRequest("TAG", "ACME", Side.BUY, 1, 100_00)

    def place() -> None:
        world = bootstrap.open_world(load())
        try:
            world.broker.place(request)
        finally:
            world.close()

    with pytest.raises(Blocked, match="not armed"):
        place()
    assert live("broker", "arm", stdin="house\n").code == 9
    token = live("broker", "status", "--json").object["result"]["token"]
    assert live("broker", "arm", "--token", "0" * 8).code == 2
    assert live("broker", "arm", "--token", token).out == "live orders go to house\n"
    assert re.search(r"(?m)^me, LIVE at house, ARMED since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, ", live("status").out)
    with pytest.raises(DataError):
        place()  # it has passed the guard: the house has no prices here
    assert live("broker", "disarm").out == "live orders do not go to house\n"
    with pytest.raises(Blocked):
        place()
    assert [line["action"] for line in live("logs", "--json").object["result"] if "arm" in line["action"]] == [
        "armed",
        "disarmed",
    ]


def test_another_account_is_not_armed_and_not_logged_in(live: Tradectl) -> None:
    """Whoever tried a sandbox and then goes to the broker arms again."""
    told(live, f"key={CANARY}\nclient=AB1234\n")
    live("login", stdin="1234\n")
    token = live("broker", "status", "--json").object["result"]["token"]
    for words, stdin in ((("--address", "api=https://other.example"), ""), ((), "client=ZZ9999\n")):
        live("broker", "arm", "--token", token)
        live("login", stdin="1234\n")
        before = live("broker", "status", "--json").object["result"]
        assert (before["armed_since"] is not None, before["logged_in"]) == (True, True)
        live("broker", "set", "house", *words, stdin=stdin)
        after = live("broker", "status", "--json").object["result"]
        assert (after["armed_since"], after["logged_in"]) == (None, False)


def test_another_homes_token_arms_nothing(live: Tradectl, tmp_path: Path) -> None:
    other = ("--home", str(tmp_path / "other"))
    live("init", "--mode", "live", "--broker", "house", *other)
    token = live("broker", "status", "--json", *other).object["result"]["token"]
    assert live("broker", "arm", "--token", token).code == 2


def cold(home: Path, packages: Path) -> dict[str, str]:
    """The environment of a process of its own that knows the house."""
    return {**os.environ, "PYTHONPATH": python_path(packages, ROOT, os.environ["PYTHONPATH"]), "TRADECTL_HOME": str(home)}


@pytest.mark.usefixtures("trading_hours")
def test_two_logins_at_once_are_one(live: Tradectl, home: Path, packages: Path) -> None:
    told(live, f"key={CANARY}\nclient=AB1234\n")
    words, pipe = [sys.executable, "-m", "tradectl", "login", "--json"], subprocess.PIPE
    made = [subprocess.Popen(words, env=cold(home, packages), stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for process in made:  # all of them first: who is asked holds the lock until he is told
        process.stdin.write("1234\n")
        process.stdin.flush()
    said = [json.loads(process.communicate(timeout=60)[0])["result"] for process in made]
    assert sorted(item["new"] for item in said) == [False, False, True]
    assert len({item["expires_at"] for item in said}) == 1
    assert (home / "brokers" / "house" / "logins").read_text().splitlines() == ["in"]


def test_a_login_that_does_not_end_holds_up_nobody_for_ever(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 11, 25, 4, tzinfo=UTC))
    with login_lock(tmp_path, "me", "house", clock):
        begun = clock.now()
        with pytest.raises(LoginNeeded, match="another login"), login_lock(tmp_path, "me", "house", clock):
            pass
        assert clock.now() - begun == timedelta(seconds=60)
    with login_lock(tmp_path, "me", "house", clock):
        pass


@pytest.mark.usefixtures("trading_hours")
def test_a_secret_is_in_nothing_that_is_written(live: Tradectl, home: Path, packages: Path) -> None:
    """A bug in an adapter prints its secrets: they are in no stream, no log and no traceback."""
    told(live, f"key={CANARY}\nclient=AB1234\n")
    words, environment = [sys.executable, "-m", "tradectl", "login", "-v"], cold(home, packages)
    for more in ([], ["--json"]):
        done = subprocess.run([*words[:-1], *more], env=environment, input="crash\n", capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "the house fell down on ********" in done.stdout + done.stderr
        assert CANARY not in done.stdout + done.stderr
    loud = subprocess.run(words, env=environment, input="crash\n", capture_output=True, text=True, check=False)
    assert "RuntimeError: the house fell down on ********" in loud.stderr
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "bugs.log" for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
