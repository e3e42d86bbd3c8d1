"""A live home at Kite's sandbox, in this process: the real command line over real sockets, at a clock that the test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.integration.cli.conftest import Said
from tests.support.zerodha import KEY, SECRET, browse
from tradectl import bootstrap
from tradectl.brokers.account.live_account import LiveAccount
from tradectl.brokers.paper import PaperBroker
from tradectl.cli.app import app
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.freshness import FRESHNESS
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kite.errors import KiteError
from tradectl.lab.sandboxes.server import Request, Trouble
from tradectl.ledger.arming import Arming
from tradectl.marketdata.store import Store
from tradectl.model.moment import at_ist
from tradectl.settings import load

CASH = 10_00_000_00
ACTIONS = ("corporate_actions", "2026-06-01", "2026-06-01T00:00:00+00:00", "a test")
"""A record that the list of corporate actions is complete, without which a home on the machine's clock analyses nothing."""


def demo_market(folder: Path) -> Path:
    """Return the market data of the demo, as the feeds of a live home would have stored them."""
    said = CliRunner().invoke(app, ["--home", str(folder), "init", "--demo-data"], catch_exceptions=False)
    assert said.exit_code == 0, said.stderr
    with closing(sqlite3.connect(folder / "market" / "archive.db")) as archive, archive:
        archive.execute(FRESHNESS)
        archive.execute("INSERT OR REPLACE INTO freshness (kind, as_of, fetched_at, source) VALUES (?, ?, ?, ?)", ACTIONS)
    return folder / "market"


class MovedClock:
    """A machine's clock whose sleeps take no time. The sandbox reads `exchange`, the same time as a virtual clock."""

    virtual = False

    def __init__(self, start: datetime) -> None:
        self.exchange = VirtualClock(start)

    def now(self) -> datetime:
        return self.exchange.now()

    def machine_now(self) -> datetime:
        return self.now()  # the limiter of requests waits by `sleep`, which must let this time pass

    def sleep(self, seconds: float) -> None:
        self.exchange.sleep(seconds)


class RefusingKite(KiteSandbox):
    """Kite's sandbox that refuses the next new orders of some symbols."""

    refused: Sequence[str] = ()

    def _command(self, request: Request, parts: tuple[str, ...]) -> dict[str, str]:
        symbol = request.form.get("tradingsymbol", "") if request.method == "POST" else ""
        if symbol in self.refused:
            self.refused = [item for item in self.refused if item != symbol]
            raise KiteError(400, "InputException", f"The instrument {symbol} is blocked for trading.")
        return super()._command(request, parts)


class LiveKiteHome:
    """A live home. Call it with the words of a command and a moment."""

    def __init__(self, home: Path, market: Path, start: date, patch: pytest.MonkeyPatch) -> None:
        self.home, self._sessions, self._market = home, SessionTable.load(), market
        self.clock = MovedClock(at_ist(start, time(8)))
        for module in ("homes", "home_clock"):
            patch.setattr(f"tradectl.bootstrap.{module}.SystemClock", lambda: self.clock)
        patch.setattr("tradectl.runtime.clock_watch.since_boot", lambda: self.clock.now().timestamp() - 1_000_000_000)
        patch.setattr("tradectl.cli.tasks.open_stream", lambda _world: None)  # its thread would move the clock
        self.near = self.exchange()
        self.kite = RefusingKite(self.exchange, lambda: Store(market, self._sessions), self.clock.exchange, self._sessions)

    def exchange(self) -> PaperBroker:
        file = self.home.with_name("kite.db")
        store = Store(self._market, self._sessions)
        return PaperBroker(file, "kite", self.clock.exchange, store, self._sessions, opening_cash=CASH, durable=False)

    def to(self, at: str) -> None:
        """Move the clock to a moment, unless it is later already: waiting for a rate limit takes its time."""
        day, _, hour = at.partition(" ")
        self.clock.exchange.move_to(max(self.clock.now(), at_ist(date.fromisoformat(day), time.fromisoformat(hour))))

    def __call__(self, *words: str, at: str = "") -> Said:
        if at:
            self.to(at)
        result = CliRunner().invoke(app, ["--home", str(self.home), *words], catch_exceptions=False)
        return Said(result.exit_code, result.stdout, result.stderr)

    def log_in(self, at: str) -> None:
        """Do as `broker set`, `login` and `broker arm` do, with a person at the browser."""
        self.to(at)
        with closing(bootstrap.open_world(load(home=str(self.home), environment={}))) as world:
            facts = (self.settings, world.ledger, world.clock, world.market, world.sessions)
            live = world.mode == "live"
            account = bootstrap.live_account(*facts) if live else bootstrap.read_only_account(*facts)
            adapter = account.set_broker("kite") if isinstance(account, LiveAccount) else account.adapter()
            for name, url in (("api", self.kite.url), ("login", f"{self.kite.url}/connect/login")):
                account.put_address(adapter, name, url)
            for name, value in (("api_key", KEY), ("api_secret", SECRET)):
                account.vault(adapter).put(name, value)
            account.login(browse)
            if live:
                Arming(world.ledger, "kite").arm(world.clock.now())

    @property
    def settings(self) -> Any:
        return load(home=str(self.home), environment={})

    def trade(self, day: date, *, first: bool = False) -> None:
        """Run the tasks of a day at their times; of the first day only the evening's."""
        if not first:
            self.log_in(f"{day} 07:50")
            for slot in ("08:00", "08:40"):
                self("premarket-retry", at=f"{day} {slot}:02")
            self("amo-adjust", at=f"{day} 09:05:03")
            self("sell-monitor", "--every", "60", "--until", "09:29", at=f"{day} 09:15:01")
            self("position-monitor", at=f"{day} 09:30:01")
            self("sell-monitor", "--until", "15:29")
            self("position-monitor", at=f"{day} 15:30:20")
            self("sell-monitor")
        self("analyze", at=f"{day} 16:00:02")
        self("buy", at=f"{day} 16:05:02")
        self("eod", at=f"{day} 18:00:02")

    def fail(self, kind: Trouble, times: int = 1) -> None:
        """Let the next new orders fail."""
        self.kite.trouble(kind, method="POST", path="/orders/", times=times)


@contextmanager
def live_kite_home(
    folder: Path, market: Path, start: date, patch: pytest.MonkeyPatch, *, paper: bool = False, **settings: str
) -> Iterator[LiveKiteHome]:
    """Make a live home, or a paper home on Kite's prices, before the market opens on `start`."""
    home = folder / "home"
    home.mkdir(parents=True)
    quotes = 'quotes = "kite"\n' if paper else ""
    (home / "tradectl.toml").write_text(f'market = "{market}"\n{quotes}', encoding="utf-8")
    live = LiveKiteHome(home, market, start, patch)
    mode = ("--mode", "paper") if paper else ("--mode", "live", "--broker", "kite")
    try:
        with live.kite:
            said = live("init", *mode, "--capital", "1000000", at=f"{start} 08:01")
            assert said.code == 0, said.err
            for key, value in settings.items():
                assert live("config", "set", key, value).code == 0
            live.log_in(f"{start} 08:02")
            yield live
    finally:
        live.near.close()
