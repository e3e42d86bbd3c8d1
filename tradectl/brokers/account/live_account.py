"""Open a user's account at a real broker from the ledger and the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.account.permission import SendPermission
from tradectl.brokers.account.read_only_account import ReadOnlyAccount
from tradectl.brokers.adapter import Adapter, BrokerAccount, ChargeLine, HasRemarks, Remark, ReportsCharges, adapter
from tradectl.errors import Blocked, ConfigurationError
from tradectl.exchange.rates import Tariff
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.limits import RateLimits
from tradectl.ports import Closable, HaltMarker


class LiveAccount(ReadOnlyAccount):
    """Open the account of one user at the broker of the settings, for orders and for reading."""

    def broker_name(self) -> str:
        """Return the broker's name from the settings. Raises ConfigurationError if the user has set none."""
        name = self.ledger.settings.plain(BROKER)
        if name is None:
            raise ConfigurationError(f"{self.ledger.user} has set no broker: run `tradectl broker set NAME`")
        return name

    def set_broker(self, name: str) -> Adapter:
        """Store the broker's name in the settings and return its adapter. Raises UsageError for an unknown broker."""
        found = adapter(name)
        self.credentials.set(BROKER, name, secret=False)
        return found

    def arming(self) -> Arming:
        """Return the arming of the broker of the settings."""
        return Arming(self.ledger, self.broker_name())

    def revoke_access(self, found: Adapter) -> None:
        """Disarm the account and remove its session, because another broker, address or credential is another account."""
        Arming(self.ledger, found.name).disarm()
        super().revoke_access(found)

    def account(self, found: Adapter, check_send: SendPermission) -> BrokerAccount:
        """Return the `BrokerAccount` with which the adapter trades."""
        return replace(self.reading_account(found), limiter=self.limits(found), check_send=check_send)

    def limits(self, found: Adapter) -> RateLimits:
        """Return the broker's full rate limits."""
        return self.rate_limits(found, found.limits)

    def open(self, marker: HaltMarker, market_readable: Callable[[], bool] = lambda: True) -> GuardedBroker:
        """Return the broker for the tasks, with the checks of the guard. `market_readable` is that of `GuardedBroker`."""
        found = self.adapter()
        arming = Arming(self.ledger, found.name)
        account = self.account(found, SendPermission(found.name, arming, marker))
        return GuardedBroker(
            found.open(account), arming, self.clock, self._sessions, self._market, marker=marker, market_readable=market_readable
        )

    def charges(self, tariff: Tariff) -> list[ChargeLine]:
        """Return every charge line of today's orders, with the broker's amount and that of a table.

        Raises:
            Blocked: The broker reports no charges.
        """
        found = self.adapter()
        broker = found.open(self.reading_account(found))
        if not isinstance(broker, ReportsCharges):
            raise Blocked(
                f"{found.name} reports no charges: compare the day's contract note with `tradectl pnl`, which "
                f"uses the table {tariff.title} (`tradectl broker tables`)"
            )
        return broker.charge_lines(broker.orders(), tariff)

    def remarks(self) -> Sequence[Remark]:
        """Return further facts that the broker reports of the account, none if the adapter has no remarks."""
        found = self.adapter()
        broker = found.open(self.reading_account(found))
        try:
            return broker.remarks() if isinstance(broker, HasRemarks) else ()
        finally:
            if isinstance(broker, Closable):
                broker.close()
