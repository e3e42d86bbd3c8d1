"""The benches on which the cards are played: one for each adapter, by its name. Another adapter adds its own here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from tests.support.brokers.kotak import CLIENT, Listening, credentials
from tests.support.brokers.kotak import nobody as unattended
from tests.support.brokers.vault import MemoryVault
from tests.support.zerodha import KEY, SECRET, browse
from tradectl.brokers.adapter import BrokerAccount, Field
from tradectl.brokers.dhan import ADAPTER as DHAN
from tradectl.brokers.kite import ADAPTER as KITE
from tradectl.brokers.kite.broker import KiteBroker
from tradectl.brokers.kotak_neo import ADAPTER as KOTAK
from tradectl.brokers.kotak_neo.broker import KotakNeoBroker
from tradectl.brokers.openalgo import ADAPTER as OPENALGO
from tradectl.lab.conformance import Bench
from tradectl.lab.conformance.bench import SLOW, TIMEOUT, AdapterBench, PaperBench
from tradectl.lab.sandboxes.dhan import DhanSandbox
from tradectl.lab.sandboxes.fixture import Fixture
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.openalgo import COMMANDS, READS, OpenAlgoSandbox
from tradectl.lab.sandboxes.server import LOOPBACK, Trouble
from tradectl.ports import Broker


def nobody(field: Field) -> str:
    raise AssertionError(f"{field.name} is not asked")


class OpenAlgoBench(Bench):
    """OpenAlgo's adapter before its sandbox. Somebody logs in anew on each day that a card goes to."""

    KEY = "kit-key"

    def __init__(self, fixture: Fixture) -> None:
        super().__init__(fixture)
        self.sandbox = OpenAlgoSandbox(fixture.exchange, fixture.clock, api_key=self.KEY)
        self.sandbox.slow = SLOW
        self.sandbox.start()
        self.account = BrokerAccount(
            "kit",
            fixture.clock,
            fixture.sessions,
            fixture.market,
            MemoryVault({"api_key": self.KEY}),
            fixture.folder,
            addresses={"api": self.sandbox.url},
            timeout=TIMEOUT,
        )
        OPENALGO.login(self.account, nobody)
        self._broker = OPENALGO.open(self.account)

    @property
    def broker(self) -> Broker:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        OPENALGO.login(self.account, nobody)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        self.sandbox.trouble(kind, path=READS if read else COMMANDS, times=times)

    def expire(self) -> None:
        self.sandbox.logged_in = False

    def ban(self) -> None:
        self.sandbox.listed = False

    def close(self) -> None:
        self.sandbox.stop()


class KiteBench(Bench):
    """The adapter over its sandbox. A day begins with a login, as it must at Zerodha. `late`: risk checks refuse in the row."""

    late = False

    def __init__(self, fixture: Fixture) -> None:
        super().__init__(fixture)
        self.sandbox = KiteSandbox(
            fixture.exchange, lambda: fixture.market, fixture.clock, fixture.sessions, allowed={LOOPBACK}, late=self.late
        )
        self.sandbox.slow = SLOW
        self.sandbox.start()
        self.account = BrokerAccount(
            "kit", fixture.clock, fixture.sessions, fixture.market, MemoryVault({"api_key": KEY, "api_secret": SECRET}),
            fixture.folder / "lists", timeout=TIMEOUT,
            addresses={"api": self.sandbox.url, "login": f"{self.sandbox.url}/connect/login"},
        )  # fmt: skip
        KITE.login(self.account, browse)
        self._broker = KITE.open(self.account)

    @property
    def broker(self) -> KiteBroker:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        KITE.login(self.account, browse)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        """Reads of the account go wrong, or commands; a command's look at the list of instruments does not."""
        if read:
            self.sandbox.trouble(kind, method="GET", times=times)
            return
        self.broker.quotes(["ACME"])
        self.broker.orders()
        for method in ("POST", "PUT", "DELETE"):
            self.sandbox.trouble(kind, method=method, path="/orders", times=times)

    def expire(self) -> None:
        session = self.account.vault.session()
        assert session is not None
        self.sandbox.tokens.end(session.tokens["access_token"])

    def ban(self) -> None:
        self.sandbox.allowed = frozenset()

    def close(self) -> None:
        self.sandbox.stop()


class LateKiteBench(KiteBench):
    late = True


class KotakBench(Bench):
    """The adapter over its sandbox. A day begins with a login, as it must at Kotak."""

    def __init__(self, fixture: Fixture) -> None:
        super().__init__(fixture)
        self.sandbox = Listening(
            fixture.exchange, clock=fixture.clock, market=lambda: fixture.market, client=CLIENT, allowed=(LOOPBACK,)
        )
        self.sandbox.start()
        self.account = BrokerAccount(
            "kit", fixture.clock, fixture.sessions, fixture.market, MemoryVault(credentials()), fixture.folder / "scrips",
            addresses={"login": self.sandbox.url}, timeout=TIMEOUT,
        )  # fmt: skip
        self._broker = KotakNeoBroker(self.account)
        KOTAK.login(self.account, unattended)

    @property
    def broker(self) -> KotakNeoBroker:
        return self._broker

    def to(self, day: date, text: str) -> None:
        super().to(day, text)
        KOTAK.login(self.account, unattended)

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        """Reads of the account go wrong, or commands; a command's look at the list of instruments does not."""
        if read:
            self.sandbox.trouble(kind, path="/quick/user", times=times)
            return
        self.broker.quotes(["ACME"])
        self.sandbox.trouble(kind, path="/quick/order", times=times)

    def expire(self) -> None:
        self.sandbox.auth.end_sessions()

    def ban(self) -> None:
        self.sandbox.auth.address = "203.0.113.9"
        KOTAK.login(self.account, unattended)

    def close(self) -> None:
        self._broker.close()
        self.sandbox.stop()


class DhanBench(AdapterBench):
    """Dhan's adapter over its sandbox, as another package would write it: a person pastes a token each day."""

    CLIENT = "1000000001"

    def __init__(self, fixture: Fixture) -> None:
        super().__init__(fixture, DHAN)

    def make(self) -> DhanSandbox:
        fixture = self.fixture
        self.dhan = DhanSandbox(fixture.exchange, lambda: fixture.market, fixture.clock, client=self.CLIENT, allowed={LOOPBACK})
        return self.dhan

    @property
    def credentials(self) -> Mapping[str, str]:
        return {"client_id": self.CLIENT}

    @property
    def addresses(self) -> Mapping[str, str]:
        return {"api": f"{self.sandbox.url}/v2", "web": f"{self.sandbox.url}/web"}

    def answer(self, field: Field) -> str:
        return self.dhan.tokens.generate()

    def trouble(self, kind: Trouble, *, read: bool = False, times: int = 1) -> None:
        """Reads of the account go wrong, or commands; a command's look at the list of instruments does not."""
        if read:
            self.sandbox.trouble(kind, method="GET", times=times)
            return
        self.broker.quotes(["ACME"])
        for method in ("POST", "PUT", "DELETE"):
            self.sandbox.trouble(kind, method=method, path="/v2/orders", times=times)

    def expire(self) -> None:
        self.dhan.tokens.end()

    def ban(self) -> None:
        self.dhan.allowed = frozenset()


BENCHES: dict[str, Callable[[Fixture], Bench]] = {
    "paper": PaperBench,
    "kite": KiteBench,
    "kotak_neo": KotakBench,
    "openalgo": OpenAlgoBench,
    "dhan": DhanBench,
}
