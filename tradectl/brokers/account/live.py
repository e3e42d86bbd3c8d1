"""A user's account at a real broker, put together from the ledger and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tradectl.brokers.account.guard import GuardedBroker
from tradectl.brokers.account.permission import SendPermission
from tradectl.brokers.account.read_only_account import Onlooker
from tradectl.brokers.adapter import Account, Adapter, ChargeLine, ChargesTold, Remark, adapter
from tradectl.errors import Blocked, ConfigurationError
from tradectl.exchange.rates import Tariff
from tradectl.ledger.arming import BROKER, Arming
from tradectl.ledger.limits import RateLimits
from tradectl.ports import HaltMarker


class LiveAccount(Onlooker):
    """One user at the broker that he has named, who may trade there."""

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

    def arming(self) -> Arming:
        return Arming(self.ledger, self.broker_name())

    def begin_anew(self, found: Adapter) -> None:
        """Another broker, address or credential is another account: nobody has armed it, and nobody is logged in there."""
        Arming(self.ledger, found.name).disarm()
        super().begin_anew(found)

    def account(self, found: Adapter, check_send: SendPermission) -> Account:
        """What the adapter is given for trading."""
        return replace(self.looking(found), limiter=self.limits(found), check_send=check_send)

    def limits(self, found: Adapter) -> RateLimits:
        """All that the broker allows."""
        return self.counted(found, found.limits)

    def open(self, marker: HaltMarker) -> GuardedBroker:
        """Return the broker for the tasks, behind the guard and the halt marker."""
        found = self.adapter()
        arming = Arming(self.ledger, found.name)
        account = self.account(found, SendPermission(found.name, arming, marker))
        return GuardedBroker(found.open(account), arming, self.clock, self._sessions, self._market, marker=marker)

    def charges(self, tariff: Tariff) -> list[ChargeLine]:
        """Every line of the charges of today's orders, by the broker and by a table. Blocked where the broker tells none."""
        found = self.adapter()
        broker = found.open(self.looking(found))
        if not isinstance(broker, ChargesTold):
            raise Blocked(
                f"{found.name} does not tell what it charges: compare the day's contract note with `tradectl pnl`; the table "
                f"that counts is {tariff.title} (`tradectl broker tables`)"
            )
        return broker.charge_lines(broker.orders(), tariff)

    def remarks(self) -> Sequence[Remark]:
        """What the broker tells of the account beside what tasks ask; nothing from an adapter that asks no more."""
        found = self.adapter()
        broker = found.open(self.looking(found))
        tell = getattr(broker, "remarks", None)
        try:
            told: Sequence[Remark] = tell() if tell is not None else ()
        finally:
            close = getattr(broker, "close", None)
            if close is not None:
                close()
        return told
