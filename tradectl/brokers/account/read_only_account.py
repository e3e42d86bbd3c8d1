"""Open a user's account at a broker for reading: credentials, a session, and the prices of the market.

A paper home has no other access to a broker. No command about an order leaves such an account, and the paper exchange gets its
quotes and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.brokers.account.credentials import StoredVault, login_lock
from tradectl.brokers.adapter import Adapter, Ask, BrokerAccount, HolidayAdapter, LoginSession, PriceAdapter, ReadsOnly, adapter
from tradectl.clock import SystemClock
from tradectl.errors import Blocked, ConfigurationError, UsageError
from tradectl.ledger.limits import Limits, RateLimits
from tradectl.model.market import Quote
from tradectl.ports import Candles, Clock, Closable, MarketData, PriceSource

if TYPE_CHECKING:
    from tradectl.exchange.holiday_list import HolidayList
    from tradectl.exchange.sessions import SessionTable
    from tradectl.ledger.store import Ledger

ADDRESS = "address."
"""Settings `<broker>.address.<name>` replace an address of the broker's, as for a sandbox."""
AHEAD = timedelta(minutes=1)
"""How far a broker's clock may be ahead of this machine's. A later quote is of another time than the one that is played."""


class LiveQuotes:
    """`PriceSource` of a paper exchange: a broker's quotes up to the clock's now. Errors are those of `Broker.quotes`."""

    def __init__(self, prices: PriceSource, clock: Clock) -> None:
        self._prices, self._clock = prices, clock

    @property
    def delay(self) -> timedelta:
        return self._prices.delay

    def close(self) -> None:
        if isinstance(self._prices, Closable):
            self._prices.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes. A quote that cannot be read raises: an earlier one never replaces it."""
        found = self._prices.quotes(symbols)
        latest = self._clock.now() + AHEAD
        return {symbol: quote for symbol, quote in found.items() if quote.at <= latest}


class ReadOnlyAccount:
    """One user at the broker `name`. Opening it sends no request."""

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
        """Return the broker's name."""
        return self._name

    def name_broker(self, name: str) -> Adapter:
        """Return the adapter of `name`. Raises UsageError without one, ConfigurationError for another broker than this
        account's."""
        found = adapter(name)
        if name != self._name:
            raise ConfigurationError(f"this home's prices come from {self._name}: change `quotes` in tradectl.toml")
        return found

    def adapter(self) -> Adapter:
        return adapter(self.broker_name())

    def put_address(self, found: Adapter, which: str, url: str) -> None:
        """Replace one of the broker's addresses; an empty one restores the broker's own. Raises UsageError for an unknown one."""
        if which not in found.addresses:
            raise UsageError(f"{found.name} has no address {which!r}; it has {', '.join(found.addresses)}")
        self.credentials.set(f"{found.name}.{ADDRESS}{which}", url, secret=False)

    def begin_anew(self, found: Adapter) -> None:
        """Remove the session: another address or credential is another account."""
        self.vault(found).forget_session()

    def vault(self, found: Adapter) -> StoredVault:
        return StoredVault(self.credentials, found)

    def looking(self, found: Adapter) -> BrokerAccount:
        """Return what the adapter gets for logging in and for reading: commands about orders are Blocked."""
        addresses = {
            name: self.ledger.settings.plain(f"{found.name}.{ADDRESS}{name}") or url for name, url in found.addresses.items()
        }
        return BrokerAccount(
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
        """Return half of the broker's limits. A live home with the same account counts in a ledger of its own, and has
        priority."""
        return self.counted(found, {kind: tuple(map(_half, limits)) for kind, limits in found.limits.items()})

    def counted(self, found: Adapter, limits: Limits) -> RateLimits:
        """Return limits that count by the machine's seconds, whatever day is played."""
        clock = SystemClock() if self.clock.virtual else self.clock
        return RateLimits(self.ledger.database, self.ledger.user, found.name, limits, clock)

    def quotes(self) -> LiveQuotes:
        """Return live quotes. Raises ConfigurationError where the adapter has none for an account that only reads."""
        return LiveQuotes(self._prices(), self.clock)

    def holidays(self, year: int) -> HolidayList:
        """Return the broker's list of trading holidays of a year. Raises Blocked where its adapter has none."""
        found = self.adapter()
        if not isinstance(found, HolidayAdapter):
            raise Blocked(f"{found.name} documents no list of trading holidays: `tradectl data sessions fetch` brings NSE's own")
        return found.holidays(self.looking(found), year)

    def candles(self) -> Candles:
        """Return the broker's prices with their past. Raises Blocked where its adapter has no daily bars."""
        prices = self._prices()
        if not isinstance(prices, Candles):
            raise Blocked(f"{self.broker_name()} has no daily bars here")
        return prices

    def _prices(self) -> PriceSource:
        found = self.adapter()
        if not isinstance(found, PriceAdapter):
            raise ConfigurationError(f"the adapter of {found.name} has no prices for an account that only reads")
        return found.prices(self.looking(found))

    def login(self, ask: Ask, *, again: bool = False) -> tuple[LoginSession, bool]:
        """Log in unless a stored session still holds (`again`: in any case). Return the session, and whether it is new."""
        found = self.adapter()
        with login_lock(self.folder, self.ledger.user, found.name, self.clock):
            known = None if again else self.vault(found).session()
            if known is not None and known.expires_at > self.clock.now():
                return known, False
            return found.login(self.looking(found), ask), True


def _half(limit: tuple[int, float]) -> tuple[int, float]:
    """Return half as many requests in the same time; where that is none, one in twice the time."""
    requests, seconds = limit
    return (requests // 2, seconds) if requests > 1 else (requests, 2 * seconds)
