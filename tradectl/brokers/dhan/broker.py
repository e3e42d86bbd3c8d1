"""The account at Dhan: `ports.Broker` over its REST API.

Orders are limit orders for delivery (CNC) and the day. A reply with an order id means that Dhan has the request: its risk
checks reply in the order's row a moment later, so the row is read once. The book is read as a list: the lookup by
`correlationId` does not find an order in transit (measured 2026-09).
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
"""The exchange has the order from the pre-open on (release notes of v2)."""
_TAG = re.compile(r"[A-Za-z0-9 _-]{1,25}")


class DhanBroker:
    """One user's account. Makes no request by itself; errors are those of the port."""

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
        """Send a limit order; its id. ValueError for a tag that Dhan refuses, Blocked for a market order and out of hours."""
        if not _TAG.fullmatch(request.tag):
            raise ValueError(f"a correlationId at Dhan has 1 to 25 letters, digits, spaces, - and _, not {request.tag!r}")
        if request.order_type is not OrderType.LIMIT:
            raise Blocked("only limit orders are sent to Dhan: Dhan converts market orders to its own limit orders")
        _check_price(request.price)
        amo = request.variety is Variety.AMO

        def look() -> None:
            self._hours.check_place(self._account.clock.now(), amo=amo)

        look()
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
            before_sending=look,
            before_again=lambda: check_absent(self.orders(), request.tag),
        )
        number = _order_id(reply)
        self._check_accepted(number, request, listed.symbol)
        return number

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change quantity (the order's whole quantity) and limit.

        Raises OrderRefused for an after-market order that waits: Dhan refuses its change with DH-906. It is not cancelled and
        placed again, because a cancel that is not confirmed would double the order.
        """
        _check_price(price)
        known = self._known(broker_order_id)
        if known.variety is Variety.AMO and known.status is OrderStatus.PENDING:
            raise OrderRefused("Dhan cannot modify an AMO before it reaches NSE: the order is unchanged", code="phase")
        self._change("PUT", broker_order_id, {"orderId": broker_order_id, **_terms(quantity, price)}, side=known.side)

    def cancel(self, broker_order_id: str) -> None:
        """Cancel by the order id, also where the order's row or the book cannot be read."""
        with suppress(BrokerUnavailable):
            self._known(broker_order_id)
        self._change("DELETE", broker_order_id)

    def _change(self, method: str, number: str, body: Mapping[str, Any] | None = None, *, side: Side | None = None) -> None:
        """Send a change. DH-906 is a refusal where the order's row shows that it has ended, and Ambiguous anywhere else."""

        def look() -> None:
            self._hours.check_quiet(self._account.clock.now())

        path = f"/orders/{quote(number, safe='')}"
        try:
            reply = self._api.send(method, path, body, side=side, before_sending=look)
        except OrderError as doubt:
            row = self._row(number)
            if row is not None and row.status not in ALIVE:
                raise OrderRefused(f"order {number} is {row.status} at Dhan: {doubt}", code="finished") from doubt
            raise
        _order_id(reply, number)

    def _known(self, broker_order_id: str) -> OrderReport:
        """Return an order of the book as it is now. OrderRefused where the book has none."""
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
        """Raise OrderRefused where the order's row shows a rejection already, Ambiguous where it is another order. `symbol`: the
        share's in Dhan's list, which may have a new name earlier than our market data."""
        row = self._row(number)
        if row is None:
            return
        if row.tag not in {None, request.tag} or (row.symbol, row.side) != (symbol, request.side):
            raise Ambiguous(f"Dhan accepted a command but returned another order's id, {number}")
        if row.status is OrderStatus.REJECTED and not row.filled_quantity:
            raise rejection(row.reason or "rejected")

    def _row(self, number: str) -> OrderReport | None:
        """Return one order as the book has it now; None where it cannot be seen. An unknown id has an empty list."""
        try:
            found = self._api.get(f"/orders/{quote(number, safe='')}", self._reports)
        except TradectlError:
            return None
        return next((report for report in found if report.broker_order_id == number), None)

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the orders of the day; the same object again while nothing changed."""
        return self._orders.of(self._api.get("/orders", self._reports))

    def trades(self) -> Sequence[TradeReport]:
        """Return the trades of the day; the same object again while nothing changed."""
        now = self._account.clock.now()
        return self._trades.of(self._api.get("/trades", lambda data: rows.trades(data, self._listed, now)))

    def holdings(self) -> Sequence[Holding]:
        """Return shares and what may be sold of them. Where the positions cannot be read, the day's trades for delivery replace
        them."""
        try:
            positions: Sequence[Any] = self._api.get("/positions", _list)
        except BrokerUnavailable:
            today = ist_date(self._account.clock.now())
            positions = self._api.get("/trades", lambda data: balances.positions_of(_list(data), today, self._listed))
        return self._api.get(
            HOLDINGS, lambda data: balances.holdings([] if no_holdings(data) else _list(data), positions, self._listed)
        )

    def funds(self) -> Funds:
        """Return what may be spent (`availabelBalance`, Dhan's spelling). Cash is computed: the balance of the morning
        (`sodLimit`), the day's trades, and their charges by our own table. Where a trade cannot be read, cash is what may be
        spent, what is withheld and what resting buys hold."""
        trades = self.trades()
        if odd_of(trades):
            orders = self.orders()
            return self._api.get("/fundlimit", lambda data: balances.funds_without_trades(data, orders))
        flow = cash_flow(trades, ist_date(self._account.clock.now()), CHARGES)
        return self._api.get("/fundlimit", lambda data: balances.funds(data, flow))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._prices.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port has it
        """Return none: no source says that Dhan serves indicative prices."""
        return {}

    # beyond the port

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the rules of `ListsOrderRules`, by the list of instruments, which has no freeze quantity."""
        return self._prices.instruments.order_rules(symbol, self._account.clock.now())

    def _reports(self, data: Any) -> Rows[OrderReport]:
        now = self._account.clock.now()
        return rows.orders(_list(data), self._listed, lambda placed: self._hours.waits(placed, now), now)

    def _listed(self, row: rows.Row) -> DhanInstrument | None:
        """Return NSE's list entry of a row's share, by its security id or its ISIN.

        A row of holdings names its exchange, the others their segment.
        """
        names = self._prices.instruments.names(self._account.clock.now())
        if row.get("exchangeSegment", SEGMENT) == SEGMENT and row.get("exchange") != "BSE":
            found = names.of_id(str(row["securityId"]))
            if found is not None:
                return found
        return names.of_isin(row.get("isin"))


def _terms(quantity: int, price: int) -> dict[str, Any]:
    """Return the fields of every order.

    A field that does not apply is left out: an empty one is refused (measured 2026-09). The price goes out as a JSON number of
    two decimals, whose text is exact.
    """
    return {"orderType": "LIMIT", "validity": "DAY", "quantity": quantity, "price": price / 100}


def _check_price(price: int) -> None:
    if price <= 0:
        raise OrderRefused("a limit price must be above zero: the order was not sent", code="price")


def _order_id(reply: Reply, known: str = "") -> str:
    """Return the order id of a reply. Ambiguous where it has none, or one of another order than `known`."""
    number = order_id(reply.object().get("orderId"))
    if number is None:
        raise Ambiguous("Dhan accepted a command but returned an invalid order id")
    if known and number != known:
        raise Ambiguous(f"Dhan accepted a command about order {known}, and names order {number}")
    return number


def _list(data: Any) -> list[Any]:
    """Return the rows of a reply: a list, or one row by itself. ValueError for anything else, and for a list without one
    object."""
    if isinstance(data, list) and (not data or any(isinstance(row, dict) for row in data)):
        return data
    if isinstance(data, dict) and "orderId" in data:
        return [data]
    raise ValueError("no list of rows")
