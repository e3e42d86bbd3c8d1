"""Open a user's account at a real broker from the ledger and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
    """One user at the broker of the settings, with orders."""

    def broker_name(self) -> str:
        """Return the broker of the settings. Raises ConfigurationError where the user has named none."""
        name = self.ledger.settings.plain(BROKER)
        if name is None:
            raise ConfigurationError(f"{self.ledger.user} has named no broker: `tradectl broker set NAME`")
        return name

    def name_broker(self, name: str) -> Adapter:
        """Choose the broker and return its adapter. Raises UsageError for one without an adapter."""
        found = adapter(name)
        self.credentials.set(BROKER, name, secret=False)
        return found

    def arming(self) -> Arming:
        return Arming(self.ledger, self.broker_name())

    def begin_anew(self, found: Adapter) -> None:
        """Disarm the account and remove its session: another broker, address or credential is another account."""
        Arming(self.ledger, found.name).disarm()
        super().begin_anew(found)

    def account(self, found: Adapter, check_send: SendPermission) -> BrokerAccount:
        """Return what the adapter gets for trading."""
        return replace(self.looking(found), limiter=self.limits(found), check_send=check_send)

    def limits(self, found: Adapter) -> RateLimits:
        """Return the whole limits of the broker."""
        return self.counted(found, found.limits)

    def open(self, marker: HaltMarker) -> GuardedBroker:
        """Return the broker for the tasks, behind the guard and the halt marker."""
        found = self.adapter()
        arming = Arming(self.ledger, found.name)
        account = self.account(found, SendPermission(found.name, arming, marker))
        return GuardedBroker(found.open(account), arming, self.clock, self._sessions, self._market, marker=marker)

    def charges(self, tariff: Tariff) -> list[ChargeLine]:
        """Return every line of the charges of today's orders, by the broker and by a table. Raises Blocked where the broker
        reports none."""
        found = self.adapter()
        broker = found.open(self.looking(found))
        if not isinstance(broker, ReportsCharges):
            raise Blocked(
                f"{found.name} reports no charges: compare the day's contract note with `tradectl pnl`; the table "
                f"that counts is {tariff.title} (`tradectl broker tables`)"
            )
        return broker.charge_lines(broker.orders(), tariff)

    def remarks(self) -> Sequence[Remark]:
        """Return what the broker reports of the account beside what tasks need; nothing from an adapter that reports no more."""
        found = self.adapter()
        broker = found.open(self.looking(found))
        try:
            return broker.remarks() if isinstance(broker, HasRemarks) else ()
        finally:
            if isinstance(broker, Closable):
                broker.close()
