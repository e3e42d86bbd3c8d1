"""Accept, change and refuse orders, and store their client tags.

Kotak replies `Ok` to a valid order. An order that its risk checks or the exchange then refuse is a rejected row in the order
book. A used tag is refused for the rest of the day and is free the next morning, so the simulated exchange gets the tag with the
date. A change that was carried out overwrites the tag, and a cancel appends a time to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta

from tradectl.brokers.kotak_neo.paths import SEGMENT
from tradectl.errors import OrderRefused, UsageError
from tradectl.lab.sandboxes.kotak_neo.auth import refused
from tradectl.lab.sandboxes.kotak_neo.rows import Row, history_row, order_row
from tradectl.lab.sandboxes.kotak_neo.scrips import KotakListed, ScripList
from tradectl.lab.sandboxes.server import Request, Response
from tradectl.lab.sandboxes.server_state import ServerState
from tradectl.model.moment import ist_date
from tradectl.model.money import to_paise
from tradectl.model.order import TERMINAL, OrderReport, OrderRequest, OrderStatus, OrderType, Side, Variety
from tradectl.ports import Broker, Clock

WORDS = {
    OrderStatus.PENDING: "after market order req received",
    OrderStatus.ONGOING: "open",
    OrderStatus.EXECUTED: "complete",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.CANCELLED: "cancelled",
}
_TYPES = {"L": OrderType.LIMIT, "MKT": OrderType.MARKET}
_PLACED = frozenset({"am", "dq", "es", "mp", "pc", "pr", "pt", "qt", "rt", "tp", "ts", "tt"})
_MODIFIED = frozenset({"no", "vd", "pr", "pt", "qt", "tp", "dq", "mp", "am"})
_SPECIAL = frozenset({OrderStatus.PENDING, OrderStatus.CANCELLED})
"""Statuses that have another name at Kotak after an after-market order was changed or cancelled."""
_INPUT = frozenset({"unknown_symbol", "quantity"})
"""Refusal codes of the simulated exchange for errors that Kotak finds before it accepts an order."""


class KotakOrders:
    """The order calls of one account at an exchange.

    `books`: the exchange without its faults, for Kotak's internal lookups. `lag`: the order book shows an order this long after
    it was placed.
    """

    def __init__(
        self,
        exchange: Broker,
        books: Broker,
        memory: ServerState,
        *,
        clock: Clock,
        scrips: ScripList,
        client: str,
        lag: timedelta,
    ) -> None:
        self._exchange, self._books, self._memory = exchange, books, memory
        self._clock, self._scrips, self._client, self._lag = clock, scrips, client, lag
        self._history: dict[str, list[Row]] = {}

    # calls

    def place(self, request: Request) -> Response:
        """Serve the call that places an order."""
        form = form_of(request, _PLACED)
        if form is None or form["es"] != SEGMENT or form["pt"] not in _TYPES or form["rt"] != "DAY" or form["pc"] != "CNC":
            return refused(1007, "body invalid", stat="bad request", status=400)
        listed = self._scrips.by_trading_symbol(form["ts"])
        if listed is None:
            return refused(1007, "please provide valid trading symbol", stat="bad request", status=400)
        tag = f"{form['ig']}/{self._today:%Y%m%d}" if form.get("ig") else ""
        if tag and tag in {report.tag for report in self._all(self._books)}:
            return _repeated()
        try:
            order = OrderRequest(
                tag,
                listed.symbol,
                {"B": Side.BUY, "S": Side.SELL}[form["tt"]],
                int(form["qt"]),
                to_paise(form["pr"]),
                _TYPES[form["pt"]],
                Variety.AMO if form["am"] == "YES" else Variety.REGULAR,
            )
        except (ValueError, KeyError):
            return refused(1007, "body invalid", stat="bad request", status=400)
        try:
            number = self._exchange.place(order)
        except OrderRefused as refusal:
            if refusal.code == "repeated_tag":
                return _repeated()
            if refusal.code in _INPUT:
                return refused(1009, f"please provide valid quantity: {refusal.reason}", status=400)
            number = self._memory.refuse(order, refusal.reason, self._clock.now())
        self._remember(number)
        return _ok(number)

    def modify(self, request: Request) -> Response:
        """Serve the call that changes an order."""
        form = form_of(request, _MODIFIED)
        report = self._report(form["no"]) if form is not None else None
        if form is None or report is None or not form["qt"].isdigit():
            return refused(5204, "Modify Order Response : Bad Input", status=400)
        failure = self._unchangeable(report, form["am"], "Modify")
        if failure is not None:
            return failure
        try:
            self._exchange.modify(report.broker_order_id, quantity=int(form["qt"]), price=to_paise(form["pr"]))
        except OrderRefused as refusal:
            return _refused_change(refusal, "Modify")
        finally:
            self._write_over(report)
        self._remember(report.broker_order_id)
        return _ok(report.broker_order_id)

    def cancel(self, request: Request) -> Response:
        """Serve the call that cancels an order."""
        form = form_of(request, frozenset({"on", "am"}))
        report = self._report(form["on"]) if form is not None else None
        if form is None or report is None:
            return refused(5204, "Cancel Order Response : Bad Input", status=400)
        failure = self._unchangeable(report, form["am"], "Cancel")
        if failure is not None:
            return failure
        try:
            self._exchange.cancel(report.broker_order_id)
        except OrderRefused as refusal:
            return _refused_change(refusal, "Cancel")
        finally:
            self._write_over(report)
        self._remember(report.broker_order_id)
        return _ok(report.broker_order_id)

    def history(self, request: Request) -> Response:
        """Return the known states of one order, newest first. As at Kotak, the reply has one more level of `data`."""
        form = form_of(request, frozenset({"nOrdNo"}))
        if form is None or self._report(form["nOrdNo"]) is None:
            return Response.of({"data": {"stat": "Not_Ok", "errMsg": "No Data", "stCode": 5203}})
        self._remember(form["nOrdNo"])
        seen = [history_row(row) for row in reversed(self._history[form["nOrdNo"]])]
        return Response.of({"data": {"stat": "Ok", "stCode": 200, "data": seen}})

    def rows(self, number: str = "") -> list[Row]:
        """Return the rows of today's order book, or of one order."""
        shown = self._clock.now() - self._lag
        found = [report for report in self._reports(self._exchange) if number in {"", report.broker_order_id}]
        return [self._row(report) for report in found if report.placed_at <= shown]

    def written(self, report: OrderReport) -> str:
        """Return the current GuiOrdId of an order: the client tag, or the text that replaced it."""
        known = self._memory.kept.written.get(report.broker_order_id)
        return known if known is not None else (report.tag or "").partition("/")[0]

    def written_of(self, number: str) -> str:
        """Return the current GuiOrdId of an order number; empty for an unknown one."""
        report = self._report(number)
        return self.written(report) if report is not None else ""

    def listed(self, symbol: str) -> KotakListed | None:
        """Return the instrument of a symbol; None if it is not listed."""
        try:
            return self._scrips.of(symbol)
        except UsageError:
            return None

    # the book

    @property
    def _today(self) -> date:
        return ist_date(self._clock.now())

    @property
    def _epoch(self) -> int:
        return int(self._clock.now().timestamp())

    def _all(self, of: Broker) -> list[OrderReport]:
        return [*of.orders(), *self._memory.kept.refused]

    def _reports(self, of: Broker) -> Sequence[OrderReport]:
        """Return the orders of today: those that are alive, were placed today, or ended today."""
        today = self._today
        return [
            item
            for item in self._all(of)
            if item.status not in TERMINAL or today in {ist_date(item.placed_at), ist_date(item.updated_at)}
        ]

    def _report(self, number: str) -> OrderReport | None:
        return next((item for item in self._reports(self._books) if item.broker_order_id == number), None)

    def _write_over(self, before: OrderReport) -> None:
        """Update the order's tag and status after a command that was carried out, even if the client gets no reply."""
        number, kept, waiting = before.broker_order_id, self._memory.kept, before.status is OrderStatus.PENDING
        after = self._report(number) or before
        if after.status is OrderStatus.CANCELLED:
            kept.written[number] = f"{self.written(before)}-{self._epoch}"
            word = "cancelled after market order"
        elif (after.quantity, after.price) != (before.quantity, before.price):
            kept.changes += 1
            kept.written[number] = f"{self._epoch}-{kept.changes}-{self._client}-ADMINAPI"
            word = "modify after market order req received"
        else:
            return
        if waiting:
            kept.words[number] = word
        self._memory.keep()

    def _row(self, report: OrderReport) -> Row:
        word = WORDS[report.status]
        special = self._memory.kept.words.get(report.broker_order_id, "")
        if special and special.startswith("cancelled") == (report.status is OrderStatus.CANCELLED) and report.status in _SPECIAL:
            word = special
        return order_row(report, word, self.written(report), self.listed(report.symbol), self._client)

    def _remember(self, number: str) -> None:
        report = self._report(number)
        if report is not None:
            seen, row = self._history.setdefault(number, []), self._row(report)
            if not seen or seen[-1] != row:
                seen.append(row)

    @staticmethod
    def _unchangeable(report: OrderReport, am: str, call: str) -> Response | None:
        if report.status in TERMINAL:
            return refused(1021, "order is completed", stat="please provide valid order number", status=400)
        if (am == "YES") != (report.status is OrderStatus.PENDING):
            return refused(5204, f"{call} Order Response : Bad Input", status=400)
        return None


def form_of(request: Request, needed: frozenset[str]) -> dict[str, str] | None:
    """Return the content of `jData`; None if a value is not text, or a needed one is absent.

    Kotak's own client sends `"ig": null` for an order without a tag (kotakneoapi 3.0.9). This counts as absent.
    """
    try:
        form = json.loads(request.form.get("jData", ""))
    except ValueError:
        return None
    if isinstance(form, dict) and form.get("ig", "") is None:
        del form["ig"]
    if not isinstance(form, dict) or not needed <= form.keys() or not all(isinstance(value, str) for value in form.values()):
        return None
    return form


def _ok(number: str) -> Response:
    return Response.of({"stat": "Ok", "nOrdNo": number, "stCode": 200})


def _repeated() -> Response:
    return refused(32, "error from core", stat="Put Order Response : Client OrderID already exists")


def _refused_change(refusal: OrderRefused, call: str) -> Response:
    """Return Kotak's reply to a refused change: a reply for ended orders, and one without a reason for all other cases."""
    if refusal.code == "finished":
        return refused(1021, "order is completed", stat="please provide valid order number", status=400)
    return refused(5204, f"{call} Order Response : Bad Input")
