"""Trade through a broker's adapter and real sockets with that broker's sandbox, in front of the faulty exchange.

The server stands for another machine, so it does not die in the middle of a call. The process may die before and after each
call. The server's state is in a file, which the next process's server reads. Process and server share the clock. A process whose
reply is lost waits as long as the adapter would wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from tradectl.brokers.adapter import Adapter, BrokerAccount, LoginSession, adapter
from tradectl.brokers.http.address_family import READ
from tradectl.clock import VirtualClock
from tradectl.errors import Ambiguous, ConfigurationError, TradectlError, UsageError
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill.broker_sandboxes import sandbox_entry
from tradectl.lab.drill.exchange import CHANGES
from tradectl.lab.faults import Fault, FaultyBroker, Promise
from tradectl.lab.sandboxes.broker_sandbox import BrokerSandbox
from tradectl.model.market import Quote
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.ports import Broker, Closable, MarketData

T = TypeVar("T")


def promise_of(name: str) -> Promise:
    """Return the promise that the exchange behind a broker's sandbox must keep: what the adapter declares, and no more.

    An exchange that shows an order earlier than declared also keeps the promise. Raises UsageError if no exchange of the drill
    keeps what the adapter declares.
    """
    declared = adapter(name).capabilities
    lag = declared.visibility_lag
    for promise in Promise:
        sooner = promise.visibility_lag is not None and lag is not None and promise.visibility_lag <= lag
        if promise.refuses_repeated_tag == declared.refuses_repeated_tag and (sooner or promise.visibility_lag == lag):
            return promise
    refuses = "refuses a repeated tag" if declared.refuses_repeated_tag else "takes a repeated tag"
    raise UsageError(f"{name} declares that it {refuses} and shows an order after {lag}: the drill has no such exchange")


class ServerClock:
    """The process's clock, used by the server. A delayed reply arrives after the process has stopped waiting: Ambiguous."""

    virtual = True

    def __init__(self, near: VirtualClock) -> None:
        self._near = near

    def now(self) -> datetime:
        return self._near.now()

    def machine_now(self) -> datetime:
        return self._near.machine_now()

    def sleep(self, seconds: float) -> None:
        raise Ambiguous(f"the reply came after {seconds:.0f} s")


class LoginVault:
    """A user's credentials, with an automatic login when there is no valid session."""

    def __init__(self, found: Adapter, entry: BrokerSandbox, clock: VirtualClock) -> None:
        self._adapter, self._entry, self._clock = found, entry, clock
        self._defaults = {field.name: field.default for field in found.fields}
        self._stored: LoginSession | None = None
        self.account: BrokerAccount | None = None

    def get(self, name: str) -> str | None:
        return self._entry.credentials.get(name, self._defaults.get(name))

    def require(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise ConfigurationError(f"{name} is missing")
        return found

    def session(self) -> LoginSession | None:
        ended = self._stored is None or self._clock.now() >= self._stored.expires_at
        if ended and self.account is not None:
            self._adapter.login(self.account, self._entry.answer)
        return self._stored

    def keep_session(self, session: LoginSession) -> None:
        self._stored = session

    def end_session(self, session: LoginSession) -> None:
        if self._stored is not None and self._stored.is_same(session):
            self._stored = None


class CountedBroker:
    """The adapter with every call counted, so that the process may die before or after each call.

    A command is counted again as `place:done` after its result is known and before the process uses the result.
    """

    def __init__(self, broker: Broker, clock: VirtualClock, on_call: Callable[[str], None]) -> None:
        self._broker, self._clock, self._on_call = broker, clock, on_call
        self.name = broker.name
        self.capabilities = replace(broker.capabilities, max_modifications=CHANGES)

    def place(self, request: OrderRequest) -> str:
        return self._send("place", lambda: self._broker.place(request))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        self._send("modify", lambda: self._broker.modify(broker_order_id, quantity=quantity, price=price))

    def cancel(self, broker_order_id: str) -> None:
        self._send("cancel", lambda: self._broker.cancel(broker_order_id))

    def orders(self) -> Sequence[OrderReport]:
        self._on_call("orders")
        return self._broker.orders()

    def trades(self) -> Sequence[TradeReport]:
        self._on_call("trades")
        return self._broker.trades()

    def holdings(self) -> Sequence[Holding]:
        self._on_call("holdings")
        return self._broker.holdings()

    def funds(self) -> Funds:
        self._on_call("funds")
        return self._broker.funds()

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self._on_call("quotes")
        return self._broker.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        self._on_call("preopen_prices")
        return self._broker.preopen_prices(symbols)

    def _send(self, name: str, command: Callable[[], T]) -> T:
        self._on_call(name)
        try:
            answer = command()
        except TradectlError as error:
            if isinstance(error, Ambiguous):
                self._clock.sleep(READ)
            self._on_call(f"{name}:done")
            raise
        self._on_call(f"{name}:done")
        return answer


class SandboxLink:
    """One process's connection to its broker, with the broker's sandbox. `close` closes all threads and sockets.

    Args:
        near: Opens the faulty exchange; called in the server's thread.
        memory: The file of the server's state.
        lists: The folder of the adapter's lists of instruments.
    """

    def __init__(
        self,
        name: str,
        near: Callable[[], FaultyBroker],
        clock: VirtualClock,
        market: MarketData,
        sessions: SessionTable,
        *,
        user: str,
        memory: Path,
        lists: Path,
        on_call: Callable[[str], None],
    ) -> None:
        self._far: FaultyBroker | None = None

        def behind() -> FaultyBroker:
            self._far = near()
            return self._far

        entry, found = sandbox_entry(name), adapter(name)
        self._sandbox = entry.sandbox(behind, market, ServerClock(clock), sessions, memory=memory)
        wallet = LoginVault(found, entry, clock)
        wallet.account = BrokerAccount(user, clock, sessions, market, wallet, lists, addresses=entry.addresses(self._sandbox.url))
        self._adapter = found.open(wallet.account)
        self.broker = CountedBroker(self._adapter, clock, on_call)
        self._up = True
        self._sandbox.start()

    @property
    def hits(self) -> Counter[Fault]:
        return self._far.hits if self._far is not None else Counter()

    @property
    def broken(self) -> list[str]:
        """Return the tracebacks of bugs in the server."""
        return self._sandbox.broken

    def close(self) -> None:
        if self._up:
            self._up = False
            if isinstance(self._adapter, Closable):
                self._adapter.close()
            self._sandbox.stop()
