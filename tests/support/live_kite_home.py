"""A live home at Kite's sandbox, in this process: the real command line over real sockets, at a clock that the test moves."""

from __future__ import annotations

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
from tradectl.brokers.paper import PaperBroker
from tradectl.cli.app import app
from tradectl.clock import SystemClock, VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kite.errors import KiteError
from tradectl.lab.sandboxes.server import Request, Trouble
from tradectl.ledger.arming import Arming
from tradectl.marketdata.store import Store
from tradectl.model.moment import at_ist
from tradectl.settings import load

CASH = 10_00_000_00


class MovedClock:
    """A machine's clock whose sleeps take no time. The sandbox reads `exchange`, the same time as a virtual clock."""

    virtual = False

    def __init__(self, start: datetime) -> None:
        self.exchange, self._machine = VirtualClock(start), SystemClock()

    def now(self) -> datetime:
        return self.exchange.now()

    def machine_now(self) -> datetime:
        return self._machine.machine_now()

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
        patch.setattr("tradectl.bootstrap.homes.SystemClock", lambda: self.clock)
        patch.setattr("tradectl.runtime.clock_watch.since_boot", lambda: self.clock.now().timestamp() - 1_000_000_000)
        patch.setattr("tradectl.cli.tasks.open_stream", lambda _world: None)  # its thread would move the clock
        self.near = self.exchange()
        self.kite = RefusingKite(self.exchange, lambda: Store(market, self._sessions), self.clock.exchange, self._sessions)

    def exchange(self) -> PaperBroker:
        file = self.home.with_name("kite.db")
        store = Store(self._market, self._sessions)
        return PaperBroker(file, "kite", self.clock.exchange, store, self._sessions, opening_cash=CASH, durable=False)

    def to(self, at: str) -> None:
        day, _, hour = at.partition(" ")
        self.clock.exchange.move_to(at_ist(date.fromisoformat(day), time.fromisoformat(hour)))

    def __call__(self, *words: str, at: str = "") -> Said:
        if at:
            self.to(at)
        result = CliRunner().invoke(app, ["--home", str(self.home), *words], catch_exceptions=False)
        return Said(result.exit_code, result.stdout, result.stderr)

    def log_in(self, at: str) -> None:
        """Do as `broker set`, `login` and `broker arm` do, with a person at the browser."""
        self.to(at)
        with closing(bootstrap.open_world(load(home=str(self.home), environment={}))) as world:
            account = bootstrap.live_account(self.settings, world.ledger, world.clock, world.market, world.sessions)
            adapter = account.set_broker("kite")
            for name, url in (("api", self.kite.url), ("login", f"{self.kite.url}/connect/login")):
                account.put_address(adapter, name, url)
            for name, value in (("api_key", KEY), ("api_secret", SECRET)):
                account.vault(adapter).put(name, value)
            account.login(browse)
            Arming(world.ledger, "kite").arm(world.clock.now())

    @property
    def settings(self) -> Any:
        return load(home=str(self.home), environment={})

    def fail(self, kind: Trouble, times: int = 1) -> None:
        """Let the next new orders fail."""
        self.kite.trouble(kind, method="POST", path="/orders/", times=times)


@contextmanager
def live_kite_home(folder: Path, market: Path, start: date, patch: pytest.MonkeyPatch, **settings: str) -> Iterator[LiveKiteHome]:
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "tradectl.toml").write_text(f'market = "{market}"\n', encoding="utf-8")
    live = LiveKiteHome(home, market, start, patch)
    try:
        with live.kite:
            assert live("init", "--mode", "live", "--broker", "kite", "--capital", "1000000", at=f"{start} 08:01").code == 0
            for key, value in settings.items():
                assert live("config", "set", key, value).code == 0
            live.log_in(f"{start} 08:02")
            yield live
    finally:
        live.near.close()
