"""`sandbox kite` and its like as its user has it: a paper home in one process, and a live home elsewhere that trades at it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import python_path
from tests.integration.cli.conftest import Tradectl

ROOT = Path(__file__).parents[3]


class Serving:
    """A server in a process of its own; `words` and `stdin` are what it tells a live home to say."""

    def __init__(self, home: Path, broker: str) -> None:
        environment = {**os.environ, "PYTHONPATH": python_path(ROOT, os.environ["PYTHONPATH"]), "TRADECTL_HOME": str(home)}
        line = [sys.executable, "-m", "tradectl", "sandbox", broker]
        self.process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        told = ""
        while not told.startswith("printf"):
            told = self.process.stderr.readline()
            assert told, self.process.communicate()
        printf, _, command = told.partition(" | tradectl ")
        self.stdin = shlex.split(printf)[1].replace("\\n", "\n")
        self.words = shlex.split(command)
        self.addresses = dict(word.split("=", 1) for word in self.words if "://" in word)

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


@pytest.fixture(params=["kite", "kotak_neo", "openalgo", "dhan"])
def serving(request: pytest.FixtureRequest, real_market: Path, tmp_path: Path) -> Iterator[Serving]:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "tradectl.toml").write_text(f'market = "{real_market}"\n', encoding="utf-8")
    made = Serving(tmp_path / "paper", request.param)
    yield made
    if made.process.returncode is None:
        made.stop()


def token_of(serving: Serving) -> str:
    """What has to be told anew at each login: the token of a browser at Kite, that of the web page at Dhan."""
    if "web" in serving.addresses:
        with urlopen(serving.addresses["web"]) as page:
            return page.read().decode() + "\n"
    if not {"api", "login"} <= serving.addresses.keys():
        return ""
    with urlopen(f"{serving.addresses['login']}?api_key=sandboxkey&v=3") as page:
        return page.read().decode() + "\n"


def test_a_live_home_trades_at_the_server(tradectl: Tradectl, serving: Serving) -> None:
    broker = serving.words[2]
    assert tradectl("init", "--mode", "live", "--broker", broker).code == 0
    assert tradectl(*serving.words, stdin=serving.stdin).code == 0
    assert tradectl("reconcile").code == 5  # nobody has logged in yet
    assert tradectl("login", stdin=token_of(serving)).code == 0
    assert tradectl("reconcile").out.endswith("orders, shares and cash agree with the broker\n")
    assert tradectl("broker", "status", "--json").object["result"]["logged_in"] is True
    charges = tradectl("broker", "charges")
    assert (charges.code, charges.out.partition("\n")[0]) in [(0, "No order of today has a trade."), (9, "")]  # Kotak tells none
    code, out = serving.stop()
    assert (code, out.endswith("requests answered\n")) == (130, True)
    assert tradectl("reconcile").code == 6  # the broker is down


def test_a_wrong_code_is_no_session(tradectl: Tradectl, serving: Serving) -> None:
    broker = serving.words[2]
    tradectl("init", "--mode", "live", "--broker", broker)
    wrong = serving.stdin.replace("246810", "111111").replace("JBSWY3DP", "JBSWY3DQ").replace("openalgo-key", "another-key")
    tradectl(*serving.words, stdin=wrong)
    said = tradectl("login", stdin="not-a-token\n")
    assert (said.code, said.err.count("\n")) == (5, 1)
    assert tradectl("broker", "status", "--json").object["result"]["logged_in"] is False


def test_a_live_home_serves_nothing(tradectl: Tradectl) -> None:
    tradectl("init", "--mode", "live", "--broker", "kite")
    said = tradectl("sandbox", "kite")
    assert (said.code, "this home is live" in said.err) == (2, True)
    assert tradectl("sandbox", "nobody").code == 2
