"""A user's account at a real broker, put together from the ledger and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.brokers.adapter import Account, Adapter, Ask, ChargeDifference, Remark, Session, adapter
from tradectl.brokers.guard import GuardedBroker
from tradectl.brokers.vault import StoredVault, login_lock
from tradectl.errors import Blocked, ConfigurationError, UsageError
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.limits import RateLimits
from tradectl.ports import Clock, MarketData

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger

ADDRESS = "address."
"""Settings `<broker>.address.<name>` replace an address of the broker's, as for a sandbox."""


class LiveAccount:
    """One user at one broker. Nothing is asked of the broker until somebody does."""

    def __init__(
        self, ledger: Ledger, clock: Clock, market: MarketData, sessions: SessionTable, *, key_file: Path, folder: Path
    ) -> None:
        self.ledger, self.clock, self.folder = ledger, clock, folder
        self.credentials = ledger.settings.credentials(key_file)
        self._market, self._sessions = market, sessions

    def broker_name(self) -> str:
        """ConfigurationError where the user has named none."""
        name = self.ledger.settings.plain(BROKER)
        if name is None:
            raise ConfigurationError(f"{self.ledger.user} has named no broker: `tradectl broker set NAME`")
        return name

    def name_broker(self, name: str) -> Adapter:
        """Choose the broker. UsageError for one that there is no adapter of."""
        found = adapter(name)
        self.credentials.set(BROKER, name, secret=False)
        return found

    def adapter(self) -> Adapter:
        return adapter(self.broker_name())

    def arming(self) -> Arming:
        return Arming(self.ledger, self.broker_name())

    def put_address(self, found: Adapter, which: str, url: str) -> None:
        """Replace one of the broker's addresses; an empty one brings the broker's own back. UsageError for an unknown one."""
        if which not in found.addresses:
            raise UsageError(f"{found.name} has no address {which!r}; it has {', '.join(found.addresses)}")
        self.credentials.set(f"{found.name}.{ADDRESS}{which}", url, secret=False)

    def begin_anew(self, found: Adapter) -> None:
        """Another broker, address or credential is another account: nobody has armed it, and nobody is logged in there."""
        Arming(self.ledger, found.name).disarm()
        self.vault(found).forget_session()

    def vault(self, found: Adapter) -> StoredVault:
        return StoredVault(self.credentials, found)

    def account(self, found: Adapter) -> Account:
        """What the adapter is given."""
        addresses = {
            name: self.ledger.settings.plain(f"{found.name}.{ADDRESS}{name}") or url for name, url in found.addresses.items()
        }
        limiter = RateLimits(self.ledger.database, self.ledger.user, found.name, found.limits, self.clock)
        return Account(
            user=self.ledger.user,
            clock=self.clock,
            sessions=self._sessions,
            market=self._market,
            vault=self.vault(found),
            folder=self.folder / found.name,
            limiter=limiter,
            addresses=addresses,
        )

    def open(self) -> GuardedBroker:
        """The broker for the tasks, behind the guard."""
        found = adapter(self.broker_name())
        arming = Arming(self.ledger, found.name)
        return GuardedBroker(found.open(self.account(found)), arming, self.clock, self._sessions, self._market)

    def charges(self) -> list[ChargeDifference]:
        """Where the broker reckons the charges of today's orders otherwise than our table. Blocked where it tells none."""
        found = self.adapter()
        broker = found.open(self.account(found))
        reckon = getattr(broker, "charges", None)
        if reckon is None:
            raise Blocked(f"{found.name} does not tell what it charges")
        differences: list[ChargeDifference] = reckon(broker.orders())
        return differences

    def remarks(self) -> Sequence[Remark]:
        """What the broker tells of the account beside what tasks ask; nothing from an adapter that asks no more."""
        found = self.adapter()
        broker = found.open(self.account(found))
        tell = getattr(broker, "remarks", None)
        try:
            told: Sequence[Remark] = tell() if tell is not None else ()
        finally:
            close = getattr(broker, "close", None)
            if close is not None:
                close()
        return told

    def login(self, ask: Ask, *, again: bool = False) -> tuple[Session, bool]:
        """Log in unless a session is there that still holds (`again`: in any case); the session, and whether it is new."""
        found = adapter(self.broker_name())
        with login_lock(self.folder, self.ledger.user, found.name, self.clock):
            known = self.vault(found).session()
            if known is not None and known.expires_at > self.clock.now() and not again:
                return known, False
            return found.login(self.account(found), ask), True
