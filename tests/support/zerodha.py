"""A house with everything in it: a market in memory, Kite's sandbox over a paper exchange, and accounts that log in to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.support.brokers.exchange import CASH
from tests.support.brokers.market import MarketListing, MemoryMarket
from tests.support.brokers.vault import MemoryVault
from tradectl.brokers.adapter import BrokerAccount, Field
from tradectl.brokers.kite import ADAPTER
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.brokers.paper import PaperBroker
from tradectl.clock import VirtualClock
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.ledger.arming import Arming
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

KEY, SECRET = "sandboxkey", "sandboxsecret"


def browse(field: Field) -> str:
    """A person who opens the address in the question, logs in, and pastes where the browser was led."""
    (url,) = [word for word in field.question.split() if word.startswith("http")]
    with urlopen(url) as page:
        return page.read().decode()


class House:
    """`kite` is an account that is logged in; `near` is the paper exchange behind the sandbox, seen without it."""

    def __init__(self, folder: Path, market: MemoryMarket, at: datetime, sandbox: dict[str, Any], paper: dict[str, Any]) -> None:
        self.folder, self.market = folder, market
        self.clock, self.sessions = VirtualClock(at), SessionTable.load()
        self.vault = MemoryVault({"api_key": KEY, "api_secret": SECRET})
        self._paper = {"durable": False, "opening_cash": CASH, **paper}
        self.sandbox = KiteSandbox(self.near, lambda: market, self.clock, self.sessions, **sandbox)

    def near(self) -> PaperBroker:
        return PaperBroker(self.folder / "paper.db", "asha", self.clock, self.market, self.sessions, **self._paper)

    def account(self, **changes: Any) -> BrokerAccount:
        url = self.sandbox.url
        addresses = {"api": url, "login": f"{url}/connect/login"}
        if self.sandbox.stream is not None:
            addresses["stream"] = self.sandbox.stream_url
        facts: dict[str, Any] = {"market": self.market, "vault": self.vault, **changes}
        return BrokerAccount("asha", self.clock, self.sessions, folder=self.folder / "kite", addresses=addresses, **facts)

    def arming(self) -> Arming:
        """Of a ledger of its own; armed."""
        database = open_database(self.folder / "ledger.db", durable=False)
        create_or_upgrade(database)
        found = Arming(Ledger(database, "asha"), "kite")
        found.arm(self.clock.now())
        return found

    def log_in(self) -> KiteBroker:
        """A process that has just logged in."""
        account = self.account()
        ADAPTER.login(account, browse)
        return ADAPTER.open(account)


@contextmanager
def house(
    folder: Path, *listings: MarketListing, at: datetime, paper: dict[str, Any] | None = None, **sandbox: Any
) -> Iterator[House]:
    made = House(folder, MemoryMarket(*listings), at, sandbox, paper or {})
    with made.sandbox:
        yield made
