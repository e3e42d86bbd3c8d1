"""A user at a broker who only looks: credentials, a session, and what he sees of the market.

This is all that a paper home has of a broker. Whatever is made of such an account, no command about an order leaves it; and what
the paper exchange is given of it has quotes, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tradectl.brokers.account.credentials import StoredVault, login_lock
from tradectl.brokers.adapter import Account, Adapter, Ask, Onlooking, ReadsOnly, Session, adapter
from tradectl.clock import SystemClock
from tradectl.errors import Blocked, ConfigurationError, UsageError
from tradectl.ledger.limits import Limits, RateLimits
from tradectl.model.market import Quote
from tradectl.ports import Candles, Clock, MarketData, PriceSource

if TYPE_CHECKING:
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger

ADDRESS = "address."
"""Settings `<broker>.address.<name>` replace an address of the broker's, as for a sandbox."""
AHEAD = timedelta(minutes=1)
"""How far a broker's clock may be ahead of ours. What is later is of another time than the one that is played."""


class LiveQuotes:
    """`PriceSource` of a paper exchange: a broker's quotes, and none from after our now. Errors are those of `Broker.quotes`."""

    def __init__(self, prices: PriceSource, clock: Clock) -> None:
        self._prices, self._clock = prices, clock

    @property
    def delay(self) -> timedelta:
        return self._prices.delay

    def close(self) -> None:
        close = getattr(self._prices, "close", None)
        if close is not None:
            close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """What cannot be asked for is raised: an earlier quote never stands in for it."""
        found = self._prices.quotes(symbols)
        latest = self._clock.now() + AHEAD
        return {symbol: quote for symbol, quote in found.items() if quote.at <= latest}


class Onlooker:
    """One user at the broker `name`. Nothing is asked of the broker until somebody does."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        market: MarketData,
        sessions: SessionTable,
        *,
        key_file: Path,
        folder: Path,
        name: str = "",
    ) -> None:
        self.ledger, self.clock, self.folder = ledger, clock, folder
        self.credentials = ledger.settings.credentials(key_file)
        self._market, self._sessions, self._name = market, sessions, name

    def broker_name(self) -> str:
        return self._name

    def name_broker(self, name: str) -> Adapter:
        """UsageError for a broker that there is no adapter of, ConfigurationError for another than the one that is looked at."""
        found = adapter(name)
        if name != self._name:
            raise ConfigurationError(f"this home's prices come from {self._name}: `quotes` in tradectl.toml says so")
        return found

    def adapter(self) -> Adapter:
        return adapter(self.broker_name())

    def put_address(self, found: Adapter, which: str, url: str) -> None:
        """Replace one of the broker's addresses; an empty one brings the broker's own back. UsageError for an unknown one."""
        if which not in found.addresses:
            raise UsageError(f"{found.name} has no address {which!r}; it has {', '.join(found.addresses)}")
        self.credentials.set(f"{found.name}.{ADDRESS}{which}", url, secret=False)

    def begin_anew(self, found: Adapter) -> None:
        """Another address or credential is another account: nobody is logged in there."""
        self.vault(found).forget_session()

    def vault(self, found: Adapter) -> StoredVault:
        return StoredVault(self.credentials, found)

    def looking(self, found: Adapter) -> Account:
        """What the adapter is given for logging in and for looking: commands about orders are Blocked."""
        addresses = {
            name: self.ledger.settings.plain(f"{found.name}.{ADDRESS}{name}") or url for name, url in found.addresses.items()
        }
        return Account(
            user=self.ledger.user,
            clock=self.clock,
            sessions=self._sessions,
            market=self._market,
            vault=self.vault(found),
            folder=self.folder / found.name,
            limiter=ReadsOnly(self.limits(found)),
            addresses=addresses,
        )

    def limits(self, found: Adapter) -> RateLimits:
        """Half of what the broker allows: who trades with the same account counts in a ledger of his own, and comes first."""
        return self.counted(found, {kind: tuple(map(_half, limits)) for kind, limits in found.limits.items()})

    def counted(self, found: Adapter, limits: Limits) -> RateLimits:
        """Limits at the broker, kept by the machine's seconds, whatever day is played."""
        clock = SystemClock() if self.clock.virtual else self.clock
        return RateLimits(self.ledger.database, self.ledger.user, found.name, limits, clock)

    def quotes(self) -> LiveQuotes:
        """The broker's live quotes. ConfigurationError where its adapter gives none to who must not trade."""
        return LiveQuotes(self._prices(), self.clock)

    def candles(self) -> Candles:
        """The broker's prices with their past. Blocked where its adapter tells none."""
        prices = self._prices()
        if not hasattr(prices, "daily"):
            raise Blocked(f"{self.broker_name()} tells no daily bars here")
        return cast("Candles", prices)

    def _prices(self) -> PriceSource:
        found = self.adapter()
        if not isinstance(found, Onlooking):
            raise ConfigurationError(f"the adapter of {found.name} gives its prices to nobody who does not trade there")
        return found.prices(self.looking(found))

    def login(self, ask: Ask, *, again: bool = False) -> tuple[Session, bool]:
        """Log in unless a session is there that still holds (`again`: in any case); the session, and whether it is new."""
        found = self.adapter()
        with login_lock(self.folder, self.ledger.user, found.name, self.clock):
            known = None if again else self.vault(found).session()
            if known is not None and known.expires_at > self.clock.now():
                return known, False
            return found.login(self.looking(found), ask), True


def _half(limit: tuple[int, float]) -> tuple[int, float]:
    """Half as many requests in the time; where that is none, one in twice the time."""
    requests, seconds = limit
    return (requests // 2, seconds) if requests > 1 else (requests, 2 * seconds)
