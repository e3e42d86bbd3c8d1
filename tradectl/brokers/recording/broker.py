"""Pass each call on to a broker, and note the call with its reply. The calls, their order and their errors stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from tradectl.brokers.recording.encoding import Plain, request_as_json
from tradectl.lazy import resolved
from tradectl.ports import Capabilities, Closable, ListsOrderRules, ReportsStream

if TYPE_CHECKING:
    from tradectl.brokers.recording.recorder import SessionRecorder
    from tradectl.model.market import Quote
    from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
    from tradectl.ports import Broker, OrderRules

T = TypeVar("T")


class RecordingBroker:
    """Record the calls to `broker`, which may be made at its first use."""

    def __init__(self, broker: Broker, recorder: SessionRecorder) -> None:
        self._lazy, self._recorder = broker, recorder
        recorder.watch(self)

    @cached_property
    def _broker(self) -> Broker:
        return resolved(self._lazy)

    @cached_property
    def _listed(self) -> ListsOrderRules | None:
        return self._broker if isinstance(self._broker, ListsOrderRules) else None

    @cached_property
    def _streamed(self) -> ReportsStream | None:
        return self._broker if isinstance(self._broker, ReportsStream) else None

    @property
    def name(self) -> str:
        return self._broker.name

    @property
    def capabilities(self) -> Capabilities:
        return self._broker.capabilities

    def close(self) -> None:
        """Close the broker's connections and files."""
        if isinstance(broker := self._broker, Closable):
            broker.close()

    # commands

    def place(self, request: OrderRequest) -> str:
        return self._noted("place", request_as_json(request), lambda: self._broker.place(request))

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        arguments = {"id": broker_order_id, "quantity": quantity, "price": price}
        self._noted("modify", arguments, lambda: self._broker.modify(broker_order_id, quantity=quantity, price=price))

    def cancel(self, broker_order_id: str) -> None:
        self._noted("cancel", {"id": broker_order_id}, lambda: self._broker.cancel(broker_order_id))

    # reads

    def orders(self) -> Sequence[OrderReport]:
        return self._noted("orders", {}, self._broker.orders)

    def trades(self) -> Sequence[TradeReport]:
        return self._noted("trades", {}, self._broker.trades)

    def holdings(self) -> Sequence[Holding]:
        return self._noted("holdings", {}, self._broker.holdings)

    def funds(self) -> Funds:
        return self._noted("funds", {}, self._broker.funds)

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._noted("quotes", {"symbols": list(symbols)}, lambda: self._broker.quotes(symbols))

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:
        return self._noted("preopen_prices", {"symbols": list(symbols)}, lambda: self._broker.preopen_prices(symbols))

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the order rules of a symbol (`ListsOrderRules`); None from a broker that has no list."""
        listed = self._listed
        if listed is None:
            return None
        return self._noted("order_rules", {"symbol": symbol}, lambda: listed.order_rules(symbol))

    @property
    def stream_trouble(self) -> str | None:
        """Return why the stream has no connection, None without a stream (`ReportsStream`)."""
        streamed = self._streamed
        return self._noted("stream_trouble", {}, lambda: streamed.stream_trouble) if streamed is not None else None

    def stream_news(self) -> str | None:
        """Return `stream_trouble` once after each change, None if it has not changed (`ReportsStream`)."""
        return self._noted("stream_news", {}, self._streamed.stream_news) if self._streamed is not None else None

    def _noted(self, kind: str, arguments: Plain, call: Callable[[], T]) -> T:
        """Return the reply of a call, after it was noted."""
        try:
            value = call()
        except Exception as error:
            self._recorder.note(kind, arguments, None, error)
            raise
        self._recorder.note(kind, arguments, value)
        return value
