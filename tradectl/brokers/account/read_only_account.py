"""Open a user's account at a broker for reading: credentials, a session, and market prices.

A paper home has no other access to a broker. Such an account sends no command about an order, and the paper exchange gets only
its quotes.
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
"""Settings `<broker>.address.<name>` replace an address of the broker, for example by that of a sandbox."""
AHEAD = timedelta(minutes=1)
"""How far the time of a quote may be after the clock's now. A later quote does not belong to the virtual clock's time."""


class LiveQuotes:
    """Implement `PriceSource` for a paper exchange with a broker's quotes up to the clock's now. Errors as `Broker.quotes`."""

    def __init__(self, prices: PriceSource, clock: Clock) -> None:
        self._prices, self._clock = prices, clock

    @property
    def delay(self) -> timedelta:
        return self._prices.delay

    def close(self) -> None:
        if isinstance(self._prices, Closable):
            self._prices.close()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        """Return the broker's quotes by symbol, without those after the clock's now."""
        found = self._prices.quotes(symbols)
        latest = self._clock.now() + AHEAD
        return {symbol: quote for symbol, quote in found.items() if quote.at <= latest}


class ReadOnlyAccount:
    """Open the account of one user at the broker `name`. Creating it sends no request."""

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

    def set_broker(self, name: str) -> Adapter:
        """Return the adapter of `name`.

        Raises:
            UsageError: There is no such broker.
            ConfigurationError: It is another broker than that of this account.
        """
        found = adapter(name)
        if name != self._name:
            raise ConfigurationError(f"this home's prices come from {self._name}: change `quotes` in tradectl.toml")
        return found

    def adapter(self) -> Adapter:
        """Return the adapter of this account's broker."""
        return adapter(self.broker_name())

    def put_address(self, found: Adapter, which: str, url: str) -> None:
        """Replace one of the broker's addresses. An empty `url` restores the default. Raises UsageError for an unknown name."""
        if which not in found.addresses:
            raise UsageError(f"{found.name} has no address {which!r}; it has {', '.join(found.addresses)}")
        self.credentials.set(f"{found.name}.{ADDRESS}{which}", url, secret=False)

    def revoke_access(self, found: Adapter) -> None:
        """Remove the session, because another address or credential is another account."""
        self.vault(found).forget_session()

    def vault(self, found: Adapter) -> StoredVault:
        """Return the stored credentials and session of an adapter's broker."""
        return StoredVault(self.credentials, found)

    def reading_account(self, found: Adapter) -> BrokerAccount:
        """Return the `BrokerAccount` for login and reads. A command about an order raises Blocked."""
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
        """Return half of the broker's rate limits.

        The other half is for a live home with the same account, which counts its requests in another ledger.
        """
        return self.rate_limits(found, {kind: tuple(map(_half, limits)) for kind, limits in found.limits.items()})

    def rate_limits(self, found: Adapter, limits: Limits) -> RateLimits:
        """Return rate limits that use the machine's clock, even in a home with a virtual clock."""
        clock = SystemClock() if self.clock.virtual else self.clock
        return RateLimits(self.ledger.database, self.ledger.user, found.name, limits, clock)

    def quotes(self) -> LiveQuotes:
        """Return live quotes. Raises ConfigurationError if the adapter has no prices for a read-only account."""
        return LiveQuotes(self._prices(), self.clock)

    def holidays(self, year: int) -> HolidayList:
        """Return the broker's list of trading holidays of a year. Raises Blocked if its adapter has none."""
        found = self.adapter()
        if not isinstance(found, HolidayAdapter):
            raise Blocked(
                f"{found.name} documents no list of trading holidays: `tradectl data sessions fetch` fetches NSE's list"
            )
        return found.holidays(self.reading_account(found), year)

    def candles(self) -> Candles:
        """Return the broker's source of daily bars. Raises Blocked if the adapter has none."""
        prices = self._prices()
        if not isinstance(prices, Candles):
            raise Blocked(f"{self.broker_name()} provides no daily bars to tradectl")
        return prices

    def _prices(self) -> PriceSource:
        found = self.adapter()
        if not isinstance(found, PriceAdapter):
            raise ConfigurationError(f"the adapter of {found.name} provides no prices to a read-only account")
        return found.prices(self.reading_account(found))

    def login(self, ask: Ask, *, again: bool = False) -> tuple[LoginSession, bool]:
        """Log in unless a stored session is still valid; with `again` in any case. Return the session and whether it is new."""
        found = self.adapter()
        with login_lock(self.folder, self.ledger.user, found.name, self.clock):
            known = None if again else self.vault(found).session()
            if known is not None and known.expires_at > self.clock.now():
                return known, False
            return found.login(self.reading_account(found), ask), True


def _half(limit: tuple[int, float]) -> tuple[int, float]:
    """Return half as many requests in the same seconds. For one request, return one in twice the seconds."""
    requests, seconds = limit
    return (requests // 2, seconds) if requests > 1 else (requests, 2 * seconds)
