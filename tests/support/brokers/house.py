"""A broker of somebody else's, as a package of its own would bring it: an account at a paper exchange behind a PIN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tradectl.brokers.adapter import Ask, BrokerAccount, Field, LoginSession
from tradectl.brokers.paper import PaperBroker
from tradectl.errors import LoginNeeded
from tradectl.ports import Capabilities

PIN = Field("pin", "The PIN of today")
CASH = 10_00_000_00


class HouseBroker(PaperBroker):
    """Knows nobody whose session has ended."""

    name = "house"

    def __init__(self, account: BrokerAccount) -> None:
        account.folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            account.folder / "house.db", account.user, account.clock, account.market, account.sessions, opening_cash=CASH
        )
        self._vault = account.vault

    def orders(self):
        session = self._vault.session()
        if session is None or session.expires_at <= self._clock.now():
            raise LoginNeeded("the house does not know us: `tradectl login`")
        return super().orders()


@dataclass(frozen=True)
class House:
    name = "house"
    capabilities = Capabilities(visibility_lag=None, refuses_repeated_tag=True, preopen_prices=True)
    fields = (Field("key", "Your key"), Field("client", "Your number", secret=False), Field("depot", "Your depot", default="1"))
    addresses: Mapping[str, str] = None
    limits: Mapping[str, tuple[tuple[int, float], ...]] = None

    def open(self, account: BrokerAccount) -> HouseBroker:
        return HouseBroker(account)

    def login(self, account: BrokerAccount, ask: Ask) -> LoginSession:
        key, pin = account.vault.require("key"), ask(PIN)
        if pin == "crash":
            raise RuntimeError(f"the house fell down on {key}")
        if pin != "1234":
            raise LoginNeeded(f"the house refused the PIN for {key}")
        account.folder.mkdir(parents=True, exist_ok=True)
        with (account.folder / "logins").open("a") as lines:
            lines.write("in\n")
        account.clock.sleep(0.4)  # a login takes its time
        now = account.clock.now()
        session = LoginSession({"token": f"token-of-{key}"}, now, now + timedelta(hours=10), seen_ip="203.0.113.7")
        account.vault.keep_session(session)
        return session


ADAPTER = House(addresses={"api": "https://house.example"}, limits={"orders": ((10, 1.0),)})


def register(folder: Path) -> Path:
    """Write the metadata of a package that brings this adapter; put the folder on the path."""
    metadata = folder / "house-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tradectl.brokers]\nhouse = tests.support.brokers.house:ADAPTER\n")
    return folder
