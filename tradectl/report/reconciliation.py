"""Compare orders, shares and cash of the ledger with the broker's, and explain differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradectl.execution import unreadable_rows
from tradectl.execution.manual_resolution import NO_PROCESS
from tradectl.execution.probable_renames import IMPORT_RENAMES
from tradectl.execution.unexplained_shares import unexplained_shares
from tradectl.execution.unresolved_orders import may_be_sending
from tradectl.ledger.rows import BY_HAND
from tradectl.model.moment import ist_date
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import OddRow
from tradectl.model.order import ALIVE, OrderReport, OrderStatus
from tradectl.report.values import value

if TYPE_CHECKING:
    from tradectl.execution.changes import Changes
    from tradectl.execution.trading_session import TradingSession
    from tradectl.ledger.rows import Order

NOT_LIVE = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.RETRY_PENDING})
"""Statuses that do not differ for the exchange. An order that the broker rejected may wait for a retry in the ledger."""
COUNTED = ("executed", "rejected", "postponed", "cancelled", "adopted", "counted", "external", "adjusted", "reopened", "doubted")

OWN = "more than tradectl holds, as the setting own_shares declares: tradectl does not sell them"
UNEXPLAINED = (
    "more than tradectl holds: bought manually, credited, or of a position that the ledger lost. "
    "tradectl does not sell them, and sends no buy"
)


def reconciliation(trading: TradingSession, changes: Changes) -> dict[str, Any]:
    """Return the result of `reconcile` as JSON values.

    The keys are:
        changed: The numbers of changes that were written to the ledger (`changes`).
        orders: Orders that differ between ledger and broker, with `why`. `broker` is None if the broker's list lacks the order.
        shares: Symbols with different numbers of shares. `differs`: the broker has fewer. `own`: shares by the setting
            own_shares. `beyond`: shares that nothing explains.
        cash: The cash by the fills and by the broker's funds, in rupees.
        unknown: Our orders of unknown outcome.
        external: Orders that were placed by hand, without our tag.
        odd_rows: Unreadable rows of the broker. An order with such a row is in no other list.
        agrees: Whether nothing differs and no odd row blocks a symbol of ours.
    """
    reports = trading.broker.orders()
    ours = _ours(trading, reports)
    orders = _differing(trading, reports, ours)
    shares, cash = _shares(trading), _cash(trading)
    odd = [(row, unreadable_rows.is_ours(trading.book, row, frozenset())) for row in unreadable_rows.all_rows(trading.book)]
    return {
        "changed": {"trades": changes.trades} | {name: len(getattr(changes, name)) for name in COUNTED},
        "orders": orders,
        "shares": shares,
        "cash": cash,
        "unknown": [_unknown(order) for order in trading.snapshot.unknown],
        "external": [_report(item) for item in reports if item.broker_order_id not in ours and not item.under_our_tag],
        "odd_rows": [_odd(row, stop) for row, stop in odd],
        "agrees": not orders
        and not any(item["differs"] for item in shares)
        and cash["difference"] == "0.00"
        and not any(stop for _, stop in odd),
    }


def _ours(trading: TradingSession, reports: Sequence[OrderReport]) -> dict[str, Order]:
    """Return our orders by the broker order id of their reports.

    An order without a broker order id of its own is found by its tag, for example after a person entered its fills.
    """
    by_id = trading.book.by_broker_ids([report.broker_order_id for report in reports])
    by_tag = trading.book.tagged([report.tag for report in reports if report.tag])
    found = dict(by_id)
    for report in reports:
        order = by_tag.get(report.tag or "")
        if report.broker_order_id not in by_id and order is not None and (order.broker_order_id or BY_HAND).startswith(BY_HAND):
            found[report.broker_order_id] = order
    return found


def _differing(trading: TradingSession, reports: Sequence[OrderReport], ours: Mapping[str, Order]) -> list[dict[str, Any]]:
    rows = []
    for report in reports:
        order = ours.get(report.broker_order_id)
        if order is not None:
            why = _why(order, report) if not order.disowned else ""
        else:
            lost = report.under_our_tag and report.counts
            why = f"this ledger has no order with the tag {report.tag}" if lost else ""
        if why:
            rows.append({"symbol": report.symbol, "why": why, "ours": _order(order), "broker": _report(report)})
    shown, today = {report.broker_order_id for report in reports}, ist_date(trading.clock.now())
    for order in trading.snapshot.orders:
        shown_before = order.alive and order.broker_order_id is not None and order.session <= today
        if shown_before and order.broker_order_id not in shown and unreadable_rows.row_of_order(trading.book, order) is None:
            rows.append(
                {"symbol": order.symbol, "why": "the broker's list does not show it", "ours": _order(order), "broker": None}
            )
    return rows


def _why(order: Order, report: OrderReport) -> str:
    """Return how our order and the broker's report differ; empty if they agree."""
    if report.unknown_word:
        return f"the broker's status code {report.unknown_word!r} is not known; the last proved status stays"
    cells = [
        (name, mine, theirs)
        for name, mine, theirs in (
            ("status", order.status, report.status),
            ("filled", order.filled_quantity, report.filled_quantity),
            ("quantity", order.quantity, report.quantity),
            ("limit", to_rupees(order.price), to_rupees(report.price)),
        )
        if mine != theirs
        and not (mine in NOT_LIVE and theirs in NOT_LIVE)
        and (name in {"status", "filled"} or report.status in ALIVE)
    ]
    return "; ".join(f"{name} {mine} in the ledger, {theirs} at the broker" for name, mine, theirs in cells)


def _order(order: Order | None) -> dict[str, Any] | None:
    if order is None:
        return None
    return {
        "id": order.id,
        "tag": order.tag,
        "broker_order_id": order.broker_order_id,
        "side": str(order.side),
        "quantity": order.quantity,
        "filled_quantity": order.filled_quantity,
        "price": to_rupees(order.price),
        "status": str(order.status),
        "reason": order.reason,
        "session_date": value(order.session),
    }


def _report(report: OrderReport) -> dict[str, Any]:
    return {
        "broker_order_id": report.broker_order_id,
        "tag": report.tag,
        "symbol": report.symbol,
        "side": str(report.side),
        "quantity": report.quantity,
        "filled_quantity": report.filled_quantity,
        "price": to_rupees(report.price),
        "status": str(report.status),
        "reason": report.reason,
        "placed_at": value(report.placed_at),
    }


def _odd(row: OddRow, stop: bool) -> dict[str, Any]:
    return {
        "symbol": row.symbol or None,
        "kind": str(row.kind),
        "field": row.field,
        "value": row.value,
        "broker_order_id": row.broker_order_id or None,
        "stops": stop,
    }


def _unknown(order: Order) -> dict[str, Any]:
    cells = _order(order) or {}
    sending = may_be_sending(order, NO_PROCESS)
    return cells | {"symbol": order.symbol, "sending_at": value(order.sending_at), "may_be_sending": sending}


def _shares(trading: TradingSession) -> list[dict[str, Any]]:
    holdings, own = trading.holdings(), trading.path.own_shares
    held = {item.symbol: item.quantity + item.t1_quantity for item in holdings}
    others = {item.symbol: item.other_isin for item in holdings if item.other_isin}
    beyond = {item.symbol: item for item in unexplained_shares(holdings, trading.snapshot.positions, own)}
    mine = {position.symbol: position.quantity for position in trading.snapshot.positions}
    renamed = trading.probable_renames()
    renames = {name: item.text for item in renamed.values() for name in (item.symbol, item.new_symbol)}
    return [
        {
            "symbol": symbol,
            "book": mine.get(symbol, 0),
            "broker": held.get(symbol, 0),
            "own": own.get(symbol, 0),
            "beyond": beyond[symbol].shares if symbol in beyond and symbol not in renames else 0,
            "differs": held.get(symbol, 0) < mine.get(symbol, 0),
            "why": f"{renames[symbol]}. {IMPORT_RENAMES}"
            if symbol in renames
            else f"the broker's shares are of another security, ISIN {others[symbol]}: not counted"
            if symbol in others
            else "the broker has fewer shares than the ledger: sold elsewhere, moved or pledged without a readable trade"
            if held.get(symbol, 0) < mine.get(symbol, 0)
            else UNEXPLAINED
            if symbol in beyond
            else OWN,
        }
        for symbol in sorted(mine.keys() | held.keys())
        if (mine.get(symbol, 0) != held.get(symbol, 0) or symbol in beyond)
        and unreadable_rows.unreadable_holding(holdings, symbol) is None
    ]


def _cash(trading: TradingSession) -> dict[str, Any]:
    fills, funds = trading.book.cash(), trading.broker.funds().cash
    return {"book": to_rupees(fills), "broker": to_rupees(funds), "difference": to_rupees(funds - fills)}
