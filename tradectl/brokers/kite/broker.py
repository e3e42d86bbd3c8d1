"""Implement `ports.Broker` for an account at Zerodha, over Kite Connect.

Every read sends a request. If the reply equals the last one, the same object is returned. Every command is sent once. Orders
are for delivery (CNC) and valid for the day. Market orders set Kite's market protection, because Kite refuses them without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tradectl.brokers.account.dedup import Deduplicated
from tradectl.brokers.adapter import BrokerAccount, ChargeLine, Remark
from tradectl.brokers.http.replies import check_absent, off_tick, order_id
from tradectl.brokers.kite import contract_notes, rows
from tradectl.brokers.kite.amo_windows import PATHS, check_quiet, path_of
from tradectl.brokers.kite.api import KiteApi
from tradectl.brokers.kite.balances import funds, funds_without_trades, holdings, positions_of, profile_remarks
from tradectl.brokers.kite.prices import KitePrices
from tradectl.brokers.kite.ticker import KiteTicker, ignore
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable, OrderRefused, TradectlError
from tradectl.exchange.rates import ZERODHA, Tariff
from tradectl.exchange.ticks import on_tick
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import Rows, odd_of
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, OrderType, Side, TradeReport, Variety
from tradectl.ports import Capabilities, OrderRules

PROTECTION = "-1"
"""Kite chooses the market protection. Kite refuses 0 or no value since 2026-04-01 (source: kite.trade forum 52331)."""
_TAG = re.compile(r"[A-Za-z0-9]{1,20}")


class KiteBroker:
    """Trade with one user's account. Creating it sends no request. Raises the errors of the port `Broker`."""

    name = "kite"

    def __init__(self, account: BrokerAccount, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._account = account
        self._api = KiteApi(account)
        self.prices = KitePrices(account, self._api)
        self.instruments = self.prices.instruments
        self._orders: Deduplicated[Rows[OrderReport]] = Deduplicated()
        self._trades: Deduplicated[Rows[TradeReport]] = Deduplicated()
        self._seen: dict[str, OrderReport] = {}
        """The last readable report of each order, by order id."""

    def close(self) -> None:
        self._api.close()

    # commands

    def place(self, request: OrderRequest) -> str:
        """Place an order and return its id. Raises ValueError for a tag that is not 1 to 20 letters and digits."""
        if not _TAG.fullmatch(request.tag):
            raise ValueError(f"a tag at Kite has 1 to 20 letters and digits, not {request.tag!r}")
        if request.order_type is OrderType.LIMIT and request.price <= 0:
            raise _without_price()
        self._check_quiet()
        now = self._account.clock.now()
        buying = request.side is Side.BUY
        listed = (
            self.instruments.to_buy(request.symbol, now, self._account.market)
            if buying
            else self.instruments.require(request.symbol, now)
        )
        if request.order_type is OrderType.LIMIT and listed.tick_size > 0 and not on_tick(request.price, listed.tick_size):
            raise off_tick("Kite", request.price, listed.tick_size)
        form: dict[str, str | int] = {
            "exchange": "NSE",
            "tradingsymbol": listed.tradingsymbol,
            "transaction_type": request.side.value,
            "quantity": request.quantity,
            "product": rows.PRODUCT,
            "validity": "DAY",
            "tag": request.tag,
            **_terms(request.order_type, request.price),
        }
        reply = self._api.send(
            "POST",
            f"/orders/{PATHS[request.variety]}",
            form,
            side=request.side,
            before_sending=self._check_quiet,
            before_again=lambda: check_absent(self.orders(), request.tag),
        )
        number = _order_id(reply.content)
        self._check_accepted(number, request, listed.tradingsymbol)
        return number

    def _check_accepted(self, number: str, request: OrderRequest, tradingsymbol: str) -> None:
        """Read the row of a placed order once and raise its rejection.

        An order id only means that Kite has the order. The result of Kite's risk checks (funds, holdings, band) appears in the
        row a moment later. A rejection that the row does not show yet is found in a later order list.

        Raises:
            OrderRefused: The row is rejected.
            Ambiguous: The id belongs to another order.
        """
        try:
            content = self._api.get(f"/orders/{quote(number, safe='')}")
            wrong = rows.parsed(content, lambda data: rows.is_of_another(data, request.tag, tradingsymbol, request.side))
            refused = rows.parsed(content, rows.refused)
        except TradectlError:
            return
        if wrong:
            raise Ambiguous(f"Kite accepted a command but returned another order's id, {number}")
        if refused is not None:
            raise refused

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change an order. `quantity` is its whole quantity, `price` is in paise and 0 for a market order.

        A market order may stay a market order. A limit order cannot become one: that raises OrderRefused.
        """
        known = self._changeable(broker_order_id)
        if price < 0 or (not price and known.price):
            raise _without_price()
        kind = OrderType.LIMIT if price else OrderType.MARKET
        form: dict[str, str | int] = {"quantity": quantity, "validity": "DAY", **_terms(kind, price)}
        self._change("PUT", broker_order_id, known.variety, form, side=known.side)

    def cancel(self, broker_order_id: str) -> None:
        """Cancel an order.

        If its row or the order list cannot be read, the variety counts as after-market. During a session its path is then
        `regular`; outside of a session no regular order is live.
        """
        try:
            variety = self._changeable(broker_order_id).variety
        except BrokerUnavailable:
            variety = Variety.AMO
        self._change("DELETE", broker_order_id, variety)

    def _change(
        self,
        method: str,
        number: str,
        placed_as: Variety,
        form: Mapping[str, str | int] | None = None,
        *,
        side: Side | None = None,
    ) -> None:
        """Send a change by the path of the order's variety at this time. For `side` see `Transport.command`."""
        variety = self._path(placed_as)

        def check() -> None:
            self._check_quiet()
            if self._path(placed_as) != variety:
                raise Blocked(f"order {number} moved between after-market and regular while the request waited: nothing was sent")

        path = f"/orders/{variety}/{quote(number, safe='')}"
        _order_id(self._api.send(method, path, form, side=side, before_sending=check).content, number)

    def _check_quiet(self) -> None:
        check_quiet(self._account.sessions, self._account.clock.now())

    def _path(self, variety: Variety) -> str:
        return path_of(variety, self._account.sessions, self._account.clock.now())

    def _changeable(self, broker_order_id: str) -> OrderReport:
        """Return the report of an order, for its side and variety, which never change.

        It comes from the last order list if that has the order, else from a new read.

        Raises:
            BrokerUnavailable: Its row, or a row without an order id, cannot be read.
            OrderRefused: The order list does not have the order.
        """
        self._check_quiet()
        if broker_order_id not in self._seen:
            self.orders()
        if broker_order_id in self._seen:
            return self._seen[broker_order_id]
        odd = next((row for row in odd_of(self._orders.last) if row.broker_order_id in {"", broker_order_id}), None)
        if odd is not None:
            raise BrokerUnavailable(f"order {broker_order_id} cannot be changed: {odd.text}")
        raise OrderRefused(f"Kite's order book has no order {broker_order_id}", code="unknown_order")

    # reads

    def orders(self) -> Sequence[OrderReport]:
        """Return the orders of the day and the waiting after-market orders. Kite empties its order list overnight."""
        found = rows.parsed(self._api.get("/orders"), lambda data: rows.orders(data, self._account.clock.now()))
        self._seen |= {report.broker_order_id: report for report in found}
        return self._orders.of(found)

    def trades(self) -> Sequence[TradeReport]:
        """Return the day's trades."""
        return self._trades.of(rows.parsed(self._api.get("/trades"), lambda data: rows.trades(data, self._account.clock.now())))

    def holdings(self) -> Sequence[Holding]:
        """Return the holdings. If the positions cannot be read, the day's delivery trades replace them."""
        held = self._api.get("/portfolio/holdings")
        try:
            positions = rows.parsed(self._api.get("/portfolio/positions"), lambda data: data)
        except BrokerUnavailable:
            today = ist_date(self._account.clock.now())
            positions = rows.parsed(self._api.get("/trades"), lambda data: positions_of(data, today))
        return rows.parsed(held, lambda data: holdings(data, positions))

    def funds(self) -> Funds:
        """Return the funds (paise). If a row of the trades cannot be read, see `funds_without_trades`."""
        trades, today = self.trades(), ist_date(self._account.clock.now())
        margins = self._api.get("/user/margins/equity")
        if odd_of(trades):
            return rows.parsed(margins, lambda data: funds_without_trades(data, self.orders()))
        return rows.parsed(margins, lambda data: funds(data, trades, today))

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self.prices.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port has it
        """Return no prices: no source states that Kite serves indicative pre-open prices."""
        return {}

    # beyond the port

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the order rules of a symbol from the list of instruments, None if the list has no tick for it."""
        return self.instruments.order_rules(symbol, self._account.clock.now())

    def remarks(self) -> Sequence[Remark]:
        """Return remarks on what the profile reports of the account."""
        return profile_remarks(rows.parsed(self._api.get("/user/profile"), dict))

    def ticker(self, on_order: Callable[[OrderReport], None] = ignore, **timing: Any) -> KiteTicker:
        """Return the ticker, which connects when it is entered (`with`). It calls `on_order` with order updates.

        `timing` holds the waiting times of `KiteTicker`: `pause` and `silence`.
        """
        return KiteTicker(self._account, self._api, self.instruments, on_order, **timing)

    def charges(self, orders: Sequence[OrderReport]) -> list[ChargeLine]:
        """Return the lines in which Kite's charges of today's orders differ from the table `zerodha`."""
        return [line for line in self.charge_lines(orders, ZERODHA) if not line.equal]

    def charge_lines(self, orders: Sequence[OrderReport], tariff: Tariff) -> list[ChargeLine]:
        """Return every charge line of today's orders, with Kite's amount and that of a table."""
        clock = self._account.clock
        return contract_notes.compare(self._api, self.instruments, orders, self.trades(), clock=clock, tariff=tariff)


def _terms(kind: OrderType, price: int) -> dict[str, str]:
    """Return the form fields of the order type and its price. Money is sent as text, never as a float."""
    if kind is OrderType.LIMIT:
        return {"order_type": "LIMIT", "price": to_rupees(price)}
    return {"order_type": "MARKET", "market_protection": PROTECTION}


def _without_price() -> OrderRefused:
    return OrderRefused("a limit price must be above zero: the order was not sent", code="price")


def _order_id(content: bytes, known: str = "") -> str:
    """Return the order id of the reply to an accepted command.

    Raises:
        Ambiguous: The reply has no valid order id, or another one than `known`.
    """
    try:
        sent = rows.parsed(content, lambda data: data["order_id"])
    except BrokerUnavailable as error:
        raise Ambiguous(f"Kite accepted a command without an order id: {error}") from error
    found = order_id(sent)
    if found is None:
        raise Ambiguous("Kite accepted a command but returned an invalid order id")
    if known and found != known:
        raise Ambiguous(f"Kite accepted a command about order {known} but returned the id of order {found}")
    return found
