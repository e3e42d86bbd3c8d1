"""Implement the port `Broker` for an account at Dhan, over its REST API.

Orders are limit orders for delivery (CNC), valid for the day. A reply with an order id means only that Dhan received the
request. The result of Dhan's risk checks appears in the order's row a moment later, so the row is read once. The order book is
read as a list, because the lookup by `correlationId` does not find an order in transit (measured 2026-09).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from tradectl.brokers.account.day_cash import cash_flow
from tradectl.brokers.account.dedup import Deduplicated
from tradectl.brokers.adapter import BrokerAccount, Remark
from tradectl.brokers.dhan import balances, login, rows
from tradectl.brokers.dhan.amo_windows import DhanHours
from tradectl.brokers.dhan.api import HOLDINGS, DhanApi
from tradectl.brokers.dhan.error_mapping import OrderError, no_holdings, rejection
from tradectl.brokers.dhan.instruments import DhanInstrument
from tradectl.brokers.dhan.prices import DhanPrices
from tradectl.brokers.http.replies import check_absent, off_tick, order_id
from tradectl.brokers.http.transport import Reply
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable, OrderRefused, TradectlError
from tradectl.exchange.rates import shipped
from tradectl.exchange.ticks import on_tick
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.odd_rows import Rows, odd_of
from tradectl.model.order import (
    ALIVE,
    Funds,
    Holding,
    OrderReport,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TradeReport,
    Variety,
)
from tradectl.ports import Capabilities, OrderRules

CHARGES = shipped("dhan")
SEGMENT = "NSE_EQ"
AMO_TIME = "PRE_OPEN"
"""Dhan sends the order to the exchange at the start of the pre-open (release notes of v2)."""
_TAG = re.compile(r"[A-Za-z0-9 _-]{1,25}")


class DhanBroker:
    """Send orders to, and read the books of, one account at Dhan. Errors are those of the port `Broker`."""

    name = "dhan"

    def __init__(self, account: BrokerAccount, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._account = account
        self._api = DhanApi(account)
        self._prices = DhanPrices(account, self._api)
        self._hours = DhanHours(account.sessions)
        self._orders: Deduplicated[Rows[OrderReport]] = Deduplicated()
        self._trades: Deduplicated[Rows[TradeReport]] = Deduplicated()

    def close(self) -> None:
        self._api.close()

    def remarks(self) -> Sequence[Remark]:
        """Return what the profile reports of DDPI and the Data APIs."""
        return self._api.get("/profile", login.remarks)

    # commands

    def place(self, request: OrderRequest) -> str:
        """Send a limit order and return its id.

        Raises:
            ValueError: The tag has characters or a length that Dhan rejects.
            Blocked: It is a market order, or orders of this kind are not sent now.
            OrderRefused: Dhan rejected the order, or the price is not a positive multiple of the tick.
        """
        if not _TAG.fullmatch(request.tag):
            raise ValueError(f"a correlationId at Dhan has 1 to 25 letters, digits, spaces, - and _, not {request.tag!r}")
        if request.order_type is not OrderType.LIMIT:
            raise Blocked("only limit orders are sent to Dhan: Dhan converts market orders to its own limit orders")
        _check_price(request.price)
        amo = request.variety is Variety.AMO

        def check_time() -> None:
            self._hours.check_place(self._account.clock.now(), amo=amo)

        check_time()
        listed = self._prices.instruments.find(request.symbol, self._account.clock.now(), request.side)
        if not on_tick(request.price, listed.tick_size):
            raise off_tick("Dhan", request.price, listed.tick_size)
        reply = self._api.send(
            "POST",
            "/orders",
            {
                "correlationId": request.tag,
                "transactionType": request.side.value,
                "exchangeSegment": SEGMENT,
                "productType": rows.PRODUCT,
                "securityId": listed.security_id,
                **_terms(request.quantity, request.price),
                **({"afterMarketOrder": True, "amoTime": AMO_TIME} if amo else {"afterMarketOrder": False}),
            },
            side=request.side,
            before_sending=check_time,
            before_again=lambda: check_absent(self.orders(), request.tag),
        )
        number = _order_id(reply)
        self._check_accepted(number, request, listed.symbol)
        return number

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change the total quantity and the limit price (paise) of an order.

        Raises OrderRefused for an after-market order that still waits: Dhan rejects its change with DH-906. Such an order is not
        cancelled and placed again, because an unconfirmed cancel could leave two orders.
        """
        _check_price(price)
        known = self._known(broker_order_id)
        if known.variety is Variety.AMO and known.status is OrderStatus.PENDING:
            raise OrderRefused("Dhan cannot modify an AMO before it reaches NSE: the order is unchanged", code="phase")
        self._change("PUT", broker_order_id, {"orderId": broker_order_id, **_terms(quantity, price)}, side=known.side)

    def cancel(self, broker_order_id: str) -> None:
        """Cancel an order by its id, also if its row or the order book cannot be read."""
        with suppress(BrokerUnavailable):
            self._known(broker_order_id)
        self._change("DELETE", broker_order_id)

    def _change(self, method: str, number: str, body: Mapping[str, Any] | None = None, *, side: Side | None = None) -> None:
        """Send a change or a cancel.

        After DH-906 the order's row is read. Raises OrderRefused if the order has ended, else Ambiguous.
        """

        def check_time() -> None:
            self._hours.check_quiet(self._account.clock.now())

        path = f"/orders/{quote(number, safe='')}"
        try:
            reply = self._api.send(method, path, body, side=side, before_sending=check_time)
        except OrderError as doubt:
            row = self._row(number)
            if row is not None and row.status not in ALIVE:
                raise OrderRefused(f"order {number} is {row.status} at Dhan: {doubt}", code="finished") from doubt
            raise
        _order_id(reply, number)

    def _known(self, broker_order_id: str) -> OrderReport:
        """Return an order from a fresh order book. Raises OrderRefused if the book does not have it."""
        self._hours.check_quiet(self._account.clock.now())
        book = self.orders()
        for report in book:
            if report.broker_order_id == broker_order_id:
                return report
        odd = next((row for row in odd_of(book) if row.broker_order_id in {"", broker_order_id}), None)
        if odd is not None:
            raise BrokerUnavailable(f"order {broker_order_id} cannot be changed: {odd.text}")
        raise OrderRefused(f"Dhan's order book has no order {broker_order_id}", code="unknown_order")

    def _check_accepted(self, number: str, request: OrderRequest, symbol: str) -> None:
        """Read the row of a new order. Raises OrderRefused if it is already rejected, Ambiguous if it is another order.

        `symbol` comes from Dhan's list, which may have a new name earlier than our market data.
        """
        row = self._row(number)
        if row is None:
            return
        if row.tag not in {None, request.tag} or (row.symbol, row.side) != (symbol, request.side):
            raise Ambiguous(f"Dhan accepted a command but returned another order's id, {number}")
        if row.status is OrderStatus.REJECTED and not row.filled_quantity:
            raise rejection(row.reason or "rejected")

    def _row(self, number: str) -> OrderReport | None:
        """Return the current row of one order; None if it cannot be read. For an unknown id Dhan returns an empty list."""
        try:
            found = self._api.get(f"/orders/{quote(number, safe='')}", self._reports)
        except TradectlError:
            return None
        return next((report for report in found if report.broker_order_id == number), None)

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the orders of the day; the same object while nothing changes."""
        return self._orders.of(self._api.get("/orders", self._reports))

    def trades(self) -> Sequence[TradeReport]:
        """Return the trades of the day; the same object while nothing changes."""
        now = self._account.clock.now()
        return self._trades.of(self._api.get("/trades", lambda data: rows.trades(data, self._listed, now)))

    def holdings(self) -> Sequence[Holding]:
        """Return the shares held and sellable. If the positions cannot be read, the day's delivery trades replace them."""
        try:
            positions: Sequence[Any] = self._api.get("/positions", _list)
        except BrokerUnavailable:
            today = ist_date(self._account.clock.now())
            positions = self._api.get("/trades", lambda data: balances.positions_of(_list(data), today, self._listed))
        return self._api.get(
            HOLDINGS, lambda data: balances.holdings([] if no_holdings(data) else _list(data), positions, self._listed)
        )

    def funds(self) -> Funds:
        """Return the funds in paise. What may be spent is `availabelBalance` (Dhan's spelling).

        Cash is the balance of the morning (`sodLimit`), changed by the day's trades and their charges by our tariff. If a trade
        cannot be read, see `balances.funds_without_trades`.
        """
        trades = self.trades()
        if odd_of(trades):
            orders = self.orders()
            return self._api.get("/fundlimit", lambda data: balances.funds_without_trades(data, orders))
        flow = cash_flow(trades, ist_date(self._account.clock.now()), CHARGES)
        return self._api.get("/fundlimit", lambda data: balances.funds(data, flow))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._prices.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port has it
        """Return no prices: no source says that Dhan publishes indicative prices."""
        return {}

    # beyond the port

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the tick size by the list of instruments, which has no freeze quantity (port `ListsOrderRules`)."""
        return self._prices.instruments.order_rules(symbol, self._account.clock.now())

    def _reports(self, data: Any) -> Rows[OrderReport]:
        now = self._account.clock.now()
        return rows.orders(_list(data), self._listed, lambda placed: self._hours.waits(placed, now), now)

    def _listed(self, row: rows.Row) -> DhanInstrument | None:
        """Return NSE's list entry for a row, by its security id or its ISIN; None if NSE's list has neither.

        A row of the holdings has an exchange, other rows have a segment.
        """
        names = self._prices.instruments.names(self._account.clock.now())
        if row.get("exchangeSegment", SEGMENT) == SEGMENT and row.get("exchange") != "BSE":
            found = names.of_id(str(row["securityId"]))
            if found is not None:
                return found
        return names.of_isin(row.get("isin"))


def _terms(quantity: int, price: int) -> dict[str, Any]:
    """Return the fields that every order has. `price` is in paise.

    A field that does not apply is left out, because Dhan rejects an empty one (measured 2026-09). The price is sent as a JSON
    number, whose text has at most two decimals.
    """
    return {"orderType": "LIMIT", "validity": "DAY", "quantity": quantity, "price": price / 100}


def _check_price(price: int) -> None:
    if price <= 0:
        raise OrderRefused("a limit price must be above zero: the order was not sent", code="price")


def _order_id(reply: Reply, known: str = "") -> str:
    """Return the order id of a reply. Raises Ambiguous if it has none, or another id than `known`."""
    number = order_id(reply.object().get("orderId"))
    if number is None:
        raise Ambiguous("Dhan accepted a command but returned an invalid order id")
    if known and number != known:
        raise Ambiguous(f"Dhan accepted a command for order {known} but returned order {number}")
    return number


def _list(data: Any) -> list[Any]:
    """Return the rows of a reply: a list, or a single order as a list of one. Raises ValueError for any other reply."""
    if isinstance(data, list) and (not data or any(isinstance(row, dict) for row in data)):
        return data
    if isinstance(data, dict) and "orderId" in data:
        return [data]
    raise ValueError("no list of rows")
