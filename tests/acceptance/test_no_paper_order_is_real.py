"""A paper home never speaks to a broker: whatever lies in its database, its days make no connection at all."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.day import evening, morning
from tests.acceptance.program import ROOT, Server, Tradectl
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.engine import open_database
from tradectl.ledger.store import Ledger

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
    for key, value in {BROKER: "kite", "kite.address.api": f"http://127.0.0.1:{port}"}.items():
        credentials.set(key, value, secret=False)
    for key in ("kite.api_key", "kite.api_secret", "kite.session"):
        credentials.set(key, "c4n4ry-of-paper")
    arming = Arming(ledger, "kite")
    arming.arm(ledger.users.get("me").created_at)
    assert arming.since() is not None
    ledger.database.close()


def connections(home: Tradectl, file: Path, *words: str, at: str | None = None) -> list[str]:
    file.unlink(missing_ok=True)
    said = home.hooked("sockets", str(file))(*words, at=at)
    assert said.code in {0, 6}, said
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


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
