"""Implement the port `Broker` for the account behind an OpenAlgo server, over its REST API.

Every read sends a request; a reply equal to the last one returns the same object. Every command is sent once. Orders are limit
orders for delivery (CNC), valid for the day. There are no after-market orders. Outside NSE's hours nothing is placed, because
some brokers behind OpenAlgo would keep such an order for the next day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from tradectl.brokers.account.dedup import Deduplicated
from tradectl.brokers.adapter import BrokerAccount, Remark
from tradectl.brokers.http import value_ranges
from tradectl.brokers.http.replies import order_id
from tradectl.brokers.openalgo import balances, rows, times
from tradectl.brokers.openalgo.api import PLACE, OpenAlgoApi, understood
from tradectl.brokers.openalgo.balances import holdings, positions_of
from tradectl.brokers.openalgo.prices import OpenAlgoPrices
from tradectl.errors import Blocked, BrokerUnavailable, OrderRefused
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import Rows
from tradectl.model.order import ALIVE, Funds, Holding, OrderReport, OrderRequest, OrderType, Side, TradeReport, Variety
from tradectl.ports import Capabilities, OrderRules

NO_AMO = "OpenAlgo takes no after-market orders: its order schema has no such field, and its adapters send regular orders"


class OpenAlgoBroker:
    """Send orders to, and read the books of, one account. Errors are those of the port `Broker`."""

    name = "openalgo"

    def __init__(self, account: BrokerAccount, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._account = account
        self._api = OpenAlgoApi(account)
        self._prices = OpenAlgoPrices(account, self._api)
        self._orders: Deduplicated[Rows[OrderReport]] = Deduplicated()
        self._rules: dict[tuple[date, str], OrderRules | None] = {}
        self._trades: Deduplicated[Rows[TradeReport]] = Deduplicated()

    def close(self) -> None:
        self._api.close()

    def remarks(self) -> Sequence[Remark]:
        """Return remarks that the server trades for real. Raises ConfigurationError if it is in its analyzer mode."""
        self._api.check_live()
        return (Remark("the server trades for real"), Remark("OpenAlgo does not report what the broker behind it lets you sell"))

    # commands

    def place(self, request: OrderRequest) -> str:
        """Place a limit order and return its id. The client tag is not sent, because OpenAlgo has no field for it.

        Raises Blocked for an after-market order or a market order, and outside the hours of a session.
        """
        if request.variety is Variety.AMO:
            raise Blocked(NO_AMO)
        if request.order_type is not OrderType.LIMIT:
            raise Blocked("only limit orders are sent through OpenAlgo")
        _check_price(request.price)
        self._check_hours()
        return self._api.send(
            PLACE,
            request.side,
            self._check_hours,
            symbol=request.symbol,
            exchange=rows.EXCHANGE,
            action=request.side.value,
            **_terms(request.quantity, request.price),
        )

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change the total quantity and the limit price (paise) of an order.

        The order's row is read first, because OpenAlgo requires its fields again.
        """
        _check_price(price)
        row = self._row(broker_order_id)
        side, named = understood("orderbook", lambda: (rows.side(row), {name: row[name] for name in _NAMED}))
        self._api.send("modifyorder", side, None, orderid=broker_order_id, **named, **_terms(quantity, price))

    def cancel(self, broker_order_id: str) -> None:
        self._api.send("cancelorder", None, None, orderid=broker_order_id)

    def _check_hours(self) -> None:
        now = self._account.clock.now()
        session = self._account.sessions.session(ist_date(now))
        if session is None or not session.has_phase_at(now):
            raise Blocked("NSE takes no orders now, and OpenAlgo takes no after-market orders: nothing was sent")

    def _row(self, broker_order_id: str) -> rows.Row:
        for row in self._order_rows():
            if isinstance(row, dict) and order_id(row.get("orderid")) == broker_order_id:
                return row
        raise OrderRefused(f"OpenAlgo's order book has no order {broker_order_id}", code="unknown_order")

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the orders of the day, with filled quantities from the trade book."""
        book = self._order_rows()
        traded = self._trade_reports()
        return self._orders.of(understood("orderbook", lambda: rows.orders(book, traded, self._moment, self._now)))

    def trades(self) -> Sequence[TradeReport]:
        """Return the trades of the day. For a time without a date see `times`."""
        return self._trades.of(self._trade_reports())

    def holdings(self) -> Sequence[Holding]:
        """Return the holdings. Shares bought today are not sellable.

        If the positions cannot be read, the day's delivery trades replace them.
        """
        held = self._api.read("holdings", lambda content: content["data"]["holdings"])
        try:
            return self._api.read("positionbook", lambda content: holdings(held, content["data"]))
        except BrokerUnavailable:
            today = ist_date(self._now)
            return self._api.read("tradebook", lambda content: holdings(held, positions_of(content["data"], self._moment, today)))

    def funds(self) -> Funds:
        """Return the funds in paise. `available` excludes what is blocked and spent today (`balances`).

        OpenAlgo reports neither what open buys block nor the account's cash. So `blocked` is calculated, and `cash` is the sum of
        both. Sale proceeds that may not be spent yet, and charges that the broker subtracts at night, make it differ from the
        account's cash; `eod` reports the difference.
        """
        resting = [item for item in self.orders() if item.side is Side.BUY and item.status in ALIVE]
        blocked = sum((item.quantity - item.filled_quantity) * item.price for item in resting)
        broker = self._api.broker
        available = self._api.read("funds", lambda content: balances.available(content["data"], broker))
        return understood("funds", lambda: value_ranges.funds(Funds(available, blocked, available + blocked)))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._prices.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port has it
        """Return no prices: OpenAlgo has no indicative prices."""
        return {}

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the tick size by the server's symbol table, which the server renews at its daily login.

        Return None for a broker whose tick sizes are not known to be in rupees.
        """
        today = ist_date(self._now)
        if (today, symbol) not in self._rules:
            self._rules[today, symbol] = self._rules_of(symbol, today) if self._api.broker in balances.LISTS_RUPEES else None
        return self._rules[today, symbol]

    def _rules_of(self, symbol: str, today: date) -> OrderRules | None:
        tick = self._api.read(
            "symbol", lambda content: rows.about_paise(content["data"]["tick_size"]), symbol=symbol, exchange=rows.EXCHANGE
        )
        return OrderRules(tick, today) if tick > 0 else None

    @property
    def _now(self) -> datetime:
        return self._account.clock.now()

    def _order_rows(self) -> Sequence[rows.Row]:
        return self._api.read("orderbook", lambda content: _list(content["data"]["orders"]))

    def _trade_reports(self) -> Rows[TradeReport]:
        return self._api.read("tradebook", lambda content: rows.trades(content["data"], self._moment, self._now))

    def _moment(self, text: str) -> datetime:
        """Return the time of a row in UTC. Raises OddValue if the value is not text."""
        if not isinstance(text, str):
            raise value_ranges.OddValue("timestamp", text)
        return times.moment(text, self._account.sessions, self._now)


_NAMED = ("symbol", "exchange", "action")
"""The fields of an order's row that a change must repeat."""


def _list(data: Any) -> list[rows.Row]:
    if not isinstance(data, list):
        raise TypeError(f"a list was expected, not {value_ranges.brief(data)}")
    return data


def _check_price(price: int) -> None:
    """Raise OrderRefused for a limit of 0, because a broker behind OpenAlgo may fill it at any price."""
    if price <= 0:
        raise OrderRefused("a limit price must be above zero: the order was not sent", code="price")


def _terms(quantity: int, price: int) -> dict[str, str]:
    """Return the fields that every order has. `price` is in paise; it is sent as text, because a float may not be exact."""
    return {
        "product": rows.PRODUCT,
        "pricetype": "LIMIT",
        "quantity": str(quantity),
        "price": to_rupees(price),
        "trigger_price": "0",
        "disclosed_quantity": "0",
    }
