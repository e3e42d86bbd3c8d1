"""A paper home never sends an order to a broker.

Whatever lies in its database, its days make no connection at all; and one that trades on a broker's live quotes, because its
settings say so, asks there for prices and for nothing else.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.day import evening, morning
from tests.acceptance.program import ROOT, Said, Server, Tradectl
from tests.acceptance.test_kill import CAUSE, UNPROTECTED
from tests.support.zerodha import KEY, SECRET, browse
from tradectl import bootstrap
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.marketdata.store import Store
from tradectl.model.moment import at_ist
from tradectl.settings import load

FIRST, SECOND = "2023-01-30", "2023-01-31"


@pytest.fixture
def listener() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        yield listening


def of_a_live_trader(home: Path, port: int) -> None:
    """Put into a paper home all that a live one has: a broker, its address, credentials, a session, and an arm."""
    ledger = Ledger(open_database(home / "ledger.db"), "me")
    credentials = ledger.settings.credentials(home / "secret.key")
    for key in ("kite.api_key", "kite.api_secret", "kite.session"):
        credentials.set(key, "c4n4ry-of-paper")
    credentials.set("kite.address.api", f"http://127.0.0.1:{port}", secret=False)
    ledger.database.close()
    arm(home)


def arm(home: Path) -> None:
    """Name a broker in a ledger, and arm it."""
    ledger = Ledger(open_database(home / "ledger.db"), "me")
    ledger.settings.credentials(home / "secret.key").set(BROKER, "kite", secret=False)
    arming = Arming(ledger, "kite")
    arming.arm(ledger.users.get("me").created_at)
    assert arming.since() is not None
    ledger.database.close()


def connections(home: Tradectl, file: Path, *words: str, at: str | None = None) -> list[str]:
    file.unlink(missing_ok=True)
    said = home.hooked("sockets", str(file))(*words, at=at)
    assert said.code in {0, 6} or (said.code == UNPROTECTED and off_band(said)), said
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def off_band(said: Said) -> bool:
    """Return whether an answer lists positions without a live sell, each because its target is outside the day's band."""
    return set(CAUSE.findall(said.err)) == {"off band"}


def test_a_paper_home_makes_no_connection(server: Server, real_market: Path, tmp_path: Path, listener: socket.socket) -> None:
    home, file = home_with(real_market, tmp_path / "home", server), tmp_path / "sockets"
    assert home("init", at=f"{FIRST} 15:55").code == 0
    of_a_live_trader(home.home, listener.getsockname()[1])
    steps = [*evening(FIRST), *morning(SECOND)]
    found = {step.task: connections(home, file, *step.words, at=step.at) for step in steps}
    found["sell-monitor"] = connections(home, file, "sell-monitor", "--until", "15:30", at=f"{SECOND} 09:15")
    assert found == {name: [] for name in found}
    assert home.ledger("SELECT count(*) AS n FROM orders WHERE status = 'EXECUTED'")[0]["n"] > 0
    with pytest.raises(TimeoutError):
        listener.accept()


def test_the_count_sees_a_connection(tmp_path: Path, listener: socket.socket) -> None:
    """The same count over a process that does connect."""
    file, address = tmp_path / "sockets", listener.getsockname()
    connect = f"hooks.sockets({str(file)!r}); socket.create_connection({address!r}).close()"
    words = [sys.executable, "-c", f"import socket; from tests.acceptance import hooks; {connect}"]
    subprocess.run(words, cwd=ROOT, check=True)
    assert any("socket.connect" in line and str(address[1]) in line for line in file.read_text(encoding="utf-8").splitlines())


CASH = 10_00_000_00
LOOKS = {
    ("POST", "/session/token"), ("GET", "/user/profile"), ("GET", "/connect/login"),
    ("GET", "/instruments/NSE"), ("GET", "/quote"),
}  # fmt: skip
"""What somebody asks Kite who logs in and looks at prices."""


@dataclass
class Rehearsal:
    """A paper home with `quotes = "kite"`, and Kite's sandbox, whose clock is moved to each command's time."""

    home: Tradectl
    kite: KiteSandbox
    clock: VirtualClock

    def __call__(self, *words: str, at: str) -> Said:
        self.move_to(at)
        return self.home.hooked("unlimited")(*words, at=at)

    def move_to(self, at: str) -> None:
        day, _, hour = at.partition(" ")
        self.clock.move_to(at_ist(date.fromisoformat(day), time.fromisoformat(hour)))

    def log_in(self, at: str) -> None:
        """As `broker set` and `login` do, with a person at the browser."""
        self.move_to(at)
        settings = load(home=str(self.home.home), at=at, environment={})
        with closing(bootstrap.open_world(settings)) as world:
            account = bootstrap.read_only_account(settings, world.ledger, world.clock, world.market, world.sessions)
            kite = account.set_broker("kite")
            for name, url in {"api": self.kite.url, "login": f"{self.kite.url}/connect/login"}.items():
                account.put_address(kite, name, url)
            for name, value in {"api_key": KEY, "api_secret": SECRET}.items():
                account.vault(kite).put(name, value)
            assert account.login(browse)[1]


@pytest.fixture
def rehearsal(server: Server, real_market: Path, tmp_path: Path) -> Iterator[Rehearsal]:
    home = home_with(real_market, tmp_path / "home", server)
    with (home.home / "tradectl.toml").open("a", encoding="utf-8") as file:
        file.write('quotes = "kite"\n')
    clock, sessions = VirtualClock(at_ist(date.fromisoformat(FIRST), time(8))), SessionTable.load()

    def exchange() -> PaperBroker:
        return PaperBroker(tmp_path / "kite.db", "asha", clock, Store(real_market, sessions), sessions, opening_cash=CASH)

    with KiteSandbox(exchange, lambda: Store(real_market, sessions), clock, sessions) as kite:
        yield Rehearsal(home, kite, clock)


def test_a_paper_home_on_a_brokers_quotes_asks_for_prices_alone(rehearsal: Rehearsal) -> None:
    """Also where its ledger names a broker and is armed: an evening's buy, its fill in the morning, and the sell that follows."""
    assert rehearsal("init", at=f"{FIRST} 15:55").code == 0
    arm(rehearsal.home.home)
    assert rehearsal("config", "set", "universe", "ATGL,ADANIPOWER,RELIANCE", at=f"{FIRST} 15:55").code == 0
    rehearsal.log_in(f"{FIRST} 15:56")
    for step in (*evening(FIRST)[:2], morning(SECOND)[-1]):
        assert rehearsal(*step.words, at=step.at).code == 0, step
    asked = len(rehearsal.kite.requests)
    late = rehearsal("sell-monitor", "--once", at=f"{SECOND} 09:20")
    assert (late.code, late.err) == (5, "tradectl: the session at Kite has ended for today: `tradectl login`\n")
    assert (len(rehearsal.kite.requests), filled(rehearsal.home)) == (asked, 0)
    rehearsal.log_in(f"{SECOND} 09:21")
    for words, at in ((("sell-monitor", "--once"), "09:22"), (("position-monitor",), "09:31")):
        said = rehearsal(*words, at=f"{SECOND} {at}")
        assert said.code == (UNPROTECTED if off_band(said) else 0), (words, said)
    assert filled(rehearsal.home) > 0
    assert set(rehearsal.kite.requests) == LOOKS
    sides = {row["side"] for row in rehearsal.home.ledger("SELECT DISTINCT side FROM orders")}
    assert sides == {"BUY", "SELL"}


def filled(home: Tradectl) -> int:
    return home.ledger("SELECT count(*) AS n FROM orders WHERE status = 'EXECUTED'")[0]["n"]


def test_a_paper_home_on_a_brokers_quotes_is_never_armed(rehearsal: Rehearsal) -> None:
    assert rehearsal("init", at=f"{FIRST} 15:55").code == 0
    arm(rehearsal.home.home)
    for words in (("broker", "arm"), ("broker", "arm", "--token", "00000000"), ("broker", "disarm"), ("broker", "charges")):
        said = rehearsal(*words, at=f"{FIRST} 15:56")
        assert (said.code, "this home is paper: it sends no orders" in said.err) == (4, True)
    other = rehearsal("broker", "set", "openalgo", at=f"{FIRST} 15:57")
    assert (other.code, other.err) == (4, "tradectl: this home's prices come from kite: change `quotes` in tradectl.toml\n")
    known = rehearsal("broker", "status", "--json", at=f"{FIRST} 15:58").object["result"]
    assert (known["broker"], known["armed_since"], known["token"]) == ("kite", None, None)
    assert rehearsal.kite.requests == []
