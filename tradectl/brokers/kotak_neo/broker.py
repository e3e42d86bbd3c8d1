"""Implement the port `Broker` for an account at Kotak Neo.

Kotak's risk checks may reject an order after Kotak accepted the request. The rejection appears in the order book a moment later.
So the row of a new order is read once, and a rejection found there raises OrderRefused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from tradectl.brokers.account.dedup import Deduplicated
from tradectl.brokers.adapter import ORDERS, BrokerAccount, LoginSession, Remark
from tradectl.brokers.http.address_family import source_of
from tradectl.brokers.http.replies import above_freeze, check_absent, off_tick, order_id
from tradectl.brokers.http.transport import READS, Judge, Reply, Transport
from tradectl.brokers.http.value_ranges import brief
from tradectl.brokers.kotak_neo import error_mapping, paths, rows
from tradectl.brokers.kotak_neo.amo_windows import KotakHours
from tradectl.brokers.kotak_neo.api import TITLE, KotakApi, parsed, reading, url
from tradectl.brokers.kotak_neo.declaration import CAPABILITIES, NAME
from tradectl.brokers.kotak_neo.login import remarks
from tradectl.brokers.kotak_neo.prices import KotakPrices
from tradectl.brokers.kotak_neo.ticker import KotakTicker, OnOrder
from tradectl.errors import Ambiguous, Blocked, BrokerUnavailable, OrderRefused, TradectlError, UsageError
from tradectl.exchange.ticks import on_tick
from tradectl.model.market import Quote
from tradectl.model.moment import ist_date
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import Rows
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, OrderStatus, OrderType, Side, TradeReport, Variety
from tradectl.ports import OrderRules

T = TypeVar("T")
_BARE = frozenset({paths.HOLDINGS, paths.POSITIONS})
"""Paths of the portfolio service. Its lists come without Kotak's `stat` and `stCode`."""


class KotakNeoBroker:
    """Send orders to, and read the books of, one account at Kotak. Any call may raise LoginNeeded or NotWhitelisted."""

    name = NAME
    capabilities = CAPABILITIES

    def __init__(self, account: BrokerAccount) -> None:
        self._account, self._clock = account, account.clock
        vault = account.vault
        self._hours = KotakHours.of(account.sessions, vault.get("amo_from") or "16:05", vault.get("amo_until") or "08:55")
        self._wire = KotakApi(account)
        self._orders = Transport(
            TITLE,
            error_mapping.command,
            clock=account.clock,
            limiter=account.limiter,
            timeout=account.timeout,
            check_send=account.check_send,
            source=source_of(vault),
        )
        self._reads = self._wire.reads(error_mapping.read, posts=(paths.LIMITS,))
        self._prices = KotakPrices(account, self._wire)
        self._positions_at: str | None = None
        self._book: Deduplicated[Rows[OrderReport]] = Deduplicated()
        self._fills: Deduplicated[Rows[TradeReport]] = Deduplicated()

    def close(self) -> None:
        for part in (self._orders, self._reads, self._prices):
            part.close()

    def remarks(self) -> Sequence[Remark]:
        """Return remarks: the IP address under which Kotak sees this machine, and whether it has changed."""
        return remarks(self._account)

    # commands

    def place(self, request: OrderRequest) -> str:
        """Place a limit order for delivery and return its number.

        Raises:
            OrderRefused: Kotak rejected the request, or the order book already shows a rejection.
            Blocked: It is a market order, or orders of this kind are not sent now.
            UsageError: The client tag is too long, or Kotak does not list the symbol.
        """
        if request.order_type is not OrderType.LIMIT:
            raise Blocked("only limit orders are sent to Kotak: it may fill market orders at prices that it chooses")
        _check_price(request.price)
        if len(request.tag) > self.capabilities.tag_length:
            raise UsageError(f"the tag {request.tag} has more than {self.capabilities.tag_length} characters")

        def check_time() -> None:
            self._hours.check_command(self._clock.now())
            if request.variety is Variety.AMO:
                self._hours.check_amo(self._clock.now())

        check_time()
        scrip = self._prices.scrip(request.symbol, request.side)
        if scrip.tick_size > 0 and not on_tick(request.price, scrip.tick_size):
            raise off_tick(TITLE, request.price, scrip.tick_size)
        if scrip.most_shares is not None and request.quantity > scrip.most_shares:
            raise above_freeze(TITLE, request.quantity, scrip.most_shares)
        sent = {
            "am": "YES" if request.variety is Variety.AMO else "NO",
            "dq": "0",
            "es": paths.SEGMENT,
            "mp": "0",
            "pc": rows.PRODUCT,
            "pr": to_rupees(request.price),
            "pt": "L",
            "qt": str(request.quantity),
            "rt": "DAY",
            "tp": "0",
            "ts": scrip.trading_symbol,
            "tt": "B" if request.side is Side.BUY else "S",
            "ig": request.tag,
            "os": paths.SOURCE,
        }
        number = self._command(
            paths.PLACE,
            sent,
            check_time,
            error_mapping.command,
            side=request.side,
            before_again=lambda: check_absent(self.orders(), request.tag),
        )
        self._look_for_rejection(number, request, scrip.trading_symbol)
        return number

    def modify(self, broker_order_id: str, *, quantity: int, price: int) -> None:
        """Change the total quantity and the limit price (paise) of an order. The change deletes the order's tag at Kotak."""
        _check_price(price)
        sent = {
            "no": broker_order_id,
            "vd": "DAY",
            "pr": to_rupees(price),
            "pt": "L",
            "qt": str(quantity),
            "tp": "0",
            "dq": "0",
            "mp": "0",
            "os": paths.SOURCE,
        }
        self._change(paths.MODIFY, broker_order_id, sent, side=self._side(broker_order_id))

    def cancel(self, broker_order_id: str) -> None:
        self._change(paths.CANCEL, broker_order_id, {"on": broker_order_id})

    def _side(self, number: str) -> Side:
        """Return the side of an order by the last read order book; BUY, which has stricter checks, if the book lacks it."""
        return next((report.side for report in self._book.last or () if report.broker_order_id == number), Side.BUY)

    def _change(self, path: str, number: str, sent: Mapping[str, str], *, side: Side | None = None) -> None:
        """Send a change or a cancel, with the flag whether the order waits as an after-market order.

        `side`: see `Transport.command`.
        """
        waits = self._waits(lambda: rows.is_queued(self._row(number, patient=True)))

        def check_time() -> None:
            if self._waits(lambda: waits) is not waits:
                raise Blocked(f"order {number} moved between after-market and regular while the request waited: nothing was sent")

        found = self._command(path, {**sent, "am": "YES" if waits else "NO"}, check_time, error_mapping.change, side=side)
        if found != number:
            raise Ambiguous(f"Kotak accepted a command for order {number} but returned order {found}")

    # reads

    def orders(self) -> tuple[OrderReport, ...]:
        """Return the day's order book in Kotak's sequence; the same object while nothing changes."""
        found = self._list(paths.ORDERS, lambda data: rows.orders(data, self._clock.now()))
        return self._book.of(found)

    def trades(self) -> tuple[TradeReport, ...]:
        """Return the day's trades; the same object while nothing changes."""
        found = self._list(paths.TRADES, lambda data: rows.trades(data, self._clock.now()))
        return self._fills.of(found)

    def holdings(self) -> tuple[Holding, ...]:
        """Return the holdings. The sellable shares are `sellableQuantity` plus the shares bought today."""
        positions = self._positions()
        return self._list(paths.HOLDINGS, lambda held: rows.holdings(held, positions, self._prices.isin_of))

    def _positions(self) -> Sequence[rows.Row]:
        """Return the day's positions, from the newer path of the API or else from the older one.

        If neither replies, the day's delivery trades replace the positions. Raises BrokerUnavailable if the trades cannot be
        read either.
        """
        for path in (paths.POSITIONS, paths.OLD_POSITIONS) if self._positions_at is None else (self._positions_at,):
            try:
                found: list[rows.Row] = self._list(path, list, tries=1)
            except BrokerUnavailable:
                continue
            self._positions_at = path
            return found
        self._positions_at = None
        today = ist_date(self._clock.now())
        return self._list(paths.TRADES, lambda data: rows.positions_of(data, today))

    def funds(self) -> Funds:
        sent = {"jData": json.dumps({"seg": "ALL", "exch": "ALL", "prod": "ALL"})}
        reply = self._read(paths.LIMITS, data=sent)
        return parsed(lambda: rows.funds(reply.json()), "limits")

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return self._prices.quotes(symbols)

    def preopen_prices(self, symbols: Sequence[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port's signature
        """Return no prices: Kotak does not publish indicative prices."""
        return {}

    # beyond the port

    def order_rules(self, symbol: str) -> OrderRules | None:
        """Return the tick size and the largest order by the list of scrips (port `ListsOrderRules`)."""
        return self._prices.order_rules(symbol)

    def ticker(self, on_order: OnOrder | None = None, **times: Any) -> KotakTicker:
        """Return a stream of live prices, which connects when it is entered as a context manager.

        `on_order` is called with each order update. `times`: `pause` and `silence` of `KotakTicker`.
        """
        return KotakTicker(self._account, lambda symbol: self._prices.scrip(symbol).token, on_order, **times)

    # the wire

    def _trading(self, session: LoginSession) -> Mapping[str, str]:
        return {**self._wire.looking(), **reading(session), "neo-fin-key": paths.FIN_KEY}

    def _command(
        self,
        path: str,
        sent: Mapping[str, str],
        check_time: Callable[[], None],
        judge: Judge,
        *,
        side: Side | None,
        before_again: Callable[[], None] | None = None,
    ) -> str:
        """Send a command and return the order number. Raises Ambiguous if the reply has none.

        `check_time`, `side`: see `Transport.command`; `before_again`: see `session_retry.in_session`.
        """
        data = {"jData": json.dumps(sent)}
        reply = self._wire.in_session(
            lambda session: self._orders.command(
                "POST",
                url(session, path),
                bucket=ORDERS,
                headers=self._trading(session),
                data=data,
                side=side,
                before_sending=check_time,
                judge=judge,
            ),
            before_again,
        )
        number = order_id(reply.object().get("nOrdNo"))
        if number is None:
            raise Ambiguous("Kotak accepted a command but returned no order number")
        return number

    def _read(self, path: str, **how: Any) -> Reply:
        """Read with the stored session. `how`: see `ReadTransport.read`."""
        return self._wire.in_session(
            lambda session: self._reads.read(url(session, path), bucket="reads", headers=reading(session), **how)
        )

    def _list(self, path: str, read: Callable[[list[rows.Row]], T], **how: Any) -> T:
        """Return what `read` parses from a list. The list is empty only if Kotak reports that there are no data.

        `how`: see `ReadTransport.read`.
        """
        reply = self._read(path, **how)
        return parsed(lambda: read(_data(reply, bare=path in _BARE)), path.rpartition("/")[2])

    def _row(self, number: str, *, patient: bool) -> rows.Row:
        """Return the current row of one order. `patient`: repeat a failed read."""
        reply = self._read(f"{paths.ORDERS}/{number}", tries=READS if patient else 1)
        return parsed(lambda: next(row for row in _data(reply) if str(row["nOrdNo"]) == number), "order")

    def _look_for_rejection(self, number: str, request: OrderRequest, trading_symbol: str) -> None:
        """Read the row of a new order. Raises OrderRefused if it is rejected, Ambiguous if it is another order.

        If the row cannot be read, do nothing: later reads of the order book show a rejection.
        """
        try:
            report = parsed(lambda: rows.order_report(self._row(number, patient=False)), "order")
        except TradectlError:
            return
        if report.tag not in {None, request.tag} or (report.symbol, report.side) != (
            rows.symbol_of(trading_symbol),
            request.side,
        ):
            raise Ambiguous(f"Kotak accepted a command but returned another order's id, {number}")
        if report.status is OrderStatus.REJECTED:
            raise error_mapping.refusal(report.reason or "rejected")

    def _waits(self, is_queued: Callable[[], bool]) -> bool:
        """Return whether an order waits as an after-market order now. Raises Blocked while no command may be sent."""
        self._hours.check_command(self._clock.now())
        return self._hours.waits(self._clock.now(), is_queued)


def _check_price(price: int) -> None:
    """Raise OrderRefused for a limit of 0, because Kotak fills such an order at a price that it chooses."""
    if price <= 0:
        raise OrderRefused("a limit price must be above zero: the order was not sent", code="price")


def _data(reply: Reply, *, bare: bool = False) -> list[rows.Row]:
    """Return the rows of a reply. Raises ValueError or TypeError if it has none and does not report an empty list.

    If there are no rows, Kotak sends `Not_Ok`, or `Ok` with null or an empty list. `bare`: the reply has no `stat`, as for
    holdings; then an empty list alone means that there are no rows.
    """
    content = error_mapping.read_reply(reply)
    if content is not None and error_mapping.is_empty(content):
        return []
    data = reply.json()["data"]
    if data is None or (data == [] and not bare):
        if content is None or not content.ok:
            raise ValueError("the reply has no data and does not report an empty list")
        return []
    if not isinstance(data, dict | list):
        raise TypeError(f"a list was expected, not {brief(data)}")
    return [data] if isinstance(data, dict) else data
