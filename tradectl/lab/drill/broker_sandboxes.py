"""Make the sandboxes of the brokers for a drill, with the credentials and the login values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from tradectl.brokers.adapter import Field
from tradectl.errors import LoginNeeded
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill.untagged_orders import tagged
from tradectl.lab.faults import Truth
from tradectl.lab.sandboxes.broker_sandbox import BrokerSandbox, broker_sandbox, packaged_sandboxes
from tradectl.lab.sandboxes.kite import KiteSandbox
from tradectl.lab.sandboxes.kotak_neo import KotakNeoSandbox, RegisteredClient
from tradectl.lab.sandboxes.openalgo import OpenAlgoSandbox
from tradectl.lab.sandboxes.server import Sandbox
from tradectl.lab.sandboxes.start_of_day import number_of
from tradectl.ledger.rows import Order
from tradectl.model.moment import ist_date, to_ist
from tradectl.model.order import OrderReport, TradeReport
from tradectl.ports import Broker, Clock, MarketData


class KiteSandboxEntry:
    """Kite's sandbox. The login value replaces a person's browser login. Risk checks refuse in the order's row, as at Kite."""

    credentials: Mapping[str, str] = {"api_key": "drillkey", "api_secret": "drillsecret", "redirect_port": "0"}

    def sandbox(
        self,
        exchange: Callable[[], Broker],
        market: MarketData,
        clock: Clock,
        sessions: SessionTable,
        *,
        memory: Path | None = None,
        port: int = 0,
    ) -> Sandbox:
        key, secret = self.credentials["api_key"], self.credentials["api_secret"]
        made = KiteSandbox(
            exchange, lambda: market, clock, sessions, api_key=key, api_secret=secret, late=True, memory=memory, port=port
        )
        self._tokens = made.tokens
        return made

    def addresses(self, url: str) -> Mapping[str, str]:
        return {"api": url, "login": f"{url}/connect/login"}

    def answer(self, field: Field) -> str:  # noqa: ARG002 - a login needs only a request token
        return self._tokens.request()

    def as_reported(self, truth: Truth, ours: Sequence[Order]) -> Truth:  # noqa: ARG002 - the book of this broker has tags
        """Return the exchange's book with Kite's trade ids: the date, the exchange and the exchange's trade number."""
        trades = (replace(item, trade_id=f"{ist_date(item.at):%Y%m%d}-NSE-{number_of(item)}") for item in truth.trades)
        return replace(truth, trades=tuple(trades))


class KotakNeoSandboxEntry:
    """Kotak's sandbox. The adapter computes the one-time password from the secret, so a login needs no further value."""

    credentials: Mapping[str, str] = {
        "consumer_key": "drill",
        "mobile_number": "+910000000000",
        "ucc": "DRILL",
        "totp_secret": "JBSWY3DPEHPK3PXP",
        "mpin": "000000",
    }

    def sandbox(
        self,
        exchange: Callable[[], Broker],
        market: MarketData,
        clock: Clock,
        sessions: SessionTable,  # noqa: ARG002 - the protocol's signature
        *,
        memory: Path | None = None,
        port: int = 0,
    ) -> Sandbox:
        return KotakNeoSandbox(
            exchange, clock=clock, market=lambda: market, client=RegisteredClient(**self.credentials), memory=memory, port=port
        )

    def addresses(self, url: str) -> Mapping[str, str]:
        return {"login": url}

    def answer(self, field: Field) -> str:
        raise LoginNeeded(f"a login needs {field.question}, which the drill does not have")

    def as_reported(self, truth: Truth, ours: Sequence[Order]) -> Truth:  # noqa: ARG002 - the book of this broker has tags
        return replace(truth, orders=tuple(map(_tagged, truth.orders)), trades=tuple(map(_dated, truth.trades)))


class OpenAlgoSandboxEntry:
    """OpenAlgo's sandbox, with an API key. Its orders have no tags, and its trades have no ids."""

    credentials: Mapping[str, str] = {"api_key": "drill"}

    def sandbox(
        self,
        exchange: Callable[[], Broker],
        market: MarketData,  # noqa: ARG002 - the protocol's signature
        clock: Clock,
        sessions: SessionTable,  # noqa: ARG002 - the protocol's signature
        *,
        memory: Path | None = None,  # noqa: ARG002 - this server has no state besides the exchange
        port: int = 0,
    ) -> Sandbox:
        return OpenAlgoSandbox(exchange, clock, api_key=self.credentials["api_key"], port=port)

    def addresses(self, url: str) -> Mapping[str, str]:
        return {"api": url}

    def answer(self, field: Field) -> str:
        raise LoginNeeded(f"a login needs {field.question}, which the drill does not have")

    def as_reported(self, truth: Truth, ours: Sequence[Order]) -> Truth:
        return replace(truth, orders=tuple(tagged(truth.orders, ours)), trades=tuple(_numbered(truth.trades)))


ENTRIES: Mapping[str, Callable[[], BrokerSandbox]] = {
    "kite": KiteSandboxEntry,
    "kotak_neo": KotakNeoSandboxEntry,
    "openalgo": OpenAlgoSandboxEntry,
}
"""The built-in sandboxes, by the adapter's name."""


def names() -> tuple[str, ...]:
    """Return the brokers that a drill can trade through: the built-in ones, and those with a sandbox of another package."""
    return (*ENTRIES, *(name for name in packaged_sandboxes() if name not in ENTRIES))


def sandbox_entry(name: str) -> BrokerSandbox:
    """Return a new sandbox of a broker. Raises UsageError for an unknown broker."""
    return ENTRIES[name]() if name in ENTRIES else broker_sandbox(name)


def _tagged(report: OrderReport) -> OrderReport:
    return replace(report, tag=report.tag.partition("/")[0]) if report.tag else report


def _dated(trade: TradeReport) -> TradeReport:
    return replace(trade, trade_id=f"{ist_date(trade.at):%Y%m%d}-{trade.trade_id}")


def _numbered(trades: Iterable[TradeReport]) -> Iterator[TradeReport]:
    """Yield the trades with ids made of order, time, quantity, price, and a number that makes equal ones unique."""
    seen: Counter[str] = Counter()
    for trade in trades:
        name = f"{trade.broker_order_id}/{to_ist(trade.at):%H:%M:%S}-{trade.quantity}x{trade.price}"
        seen[name] += 1
        yield replace(trade, trade_id=f"{name}-{seen[name]}")
