"""Compare the exchange's book with the ledger: orders, trades, shares and cash.

An order of status UNKNOWN in the ledger is listed separately. Its trades, the shares of its symbol, and the cash are then not
compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tradectl.lab.faults import Truth
from tradectl.ledger.rows import Order
from tradectl.ledger.store import Ledger
from tradectl.model.money import show_rupees
from tradectl.model.order import ALIVE, TERMINAL, OrderReport, OrderStatus, Side

ENDED = TERMINAL | {OrderStatus.RETRY_PENDING}
"""The ledger's statuses of an order that is certainly no longer at the exchange. An order of RETRY_PENDING was rejected there."""


@dataclass(slots=True)
class LedgerCheck:
    """The result of a comparison, with one line for each finding.

    Attributes:
        duplicates: An intent that reached the exchange twice, or a sale of shares that were not held.
        lost: An order, trade, share or amount that the exchange has and the ledger lacks, or the reverse.
        unknown: Orders of status UNKNOWN in the ledger.
        failed: Other errors, such as a bug of the program.
    """

    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Return whether there are no findings; UNKNOWN orders are no finding."""
        return not (self.duplicates or self.lost or self.failed)


def check_ledger(truth: Truth, ledger: Ledger, oversold: Iterable[str] = ()) -> LedgerCheck:
    """Compare the whole account; return the findings. `oversold`: lines about sales of shares that were not held."""
    book = ledger.book
    ours = book.orders()
    by_tag = {order.tag: order for order in ours}
    verdict = LedgerCheck(duplicates=[*_twice(truth.orders), *_bought_twice(truth.orders, by_tag), *oversold])
    doubtful = {order.symbol for order in ours if order.status is OrderStatus.UNKNOWN}
    verdict.unknown = [_named(order) for order in ours if order.status is OrderStatus.UNKNOWN]
    verdict.lost = [*_orders_lost(truth.orders, by_tag), *_phantoms(truth.orders, ours), *_trades_lost(truth, ledger, by_tag)]
    verdict.lost += _shares(truth, ledger, doubtful)
    if not doubtful and (cash := book.cash()) != truth.funds.cash:
        verdict.lost.append(f"cash: {show_rupees(cash)} in the ledger, {show_rupees(truth.funds.cash)} at the exchange")
    return verdict


def _named(order: Order) -> str:
    return f"{order.side} {order.quantity} {order.symbol} for {order.session}: {order.reason}"


def _twice(reports: Iterable[OrderReport]) -> list[str]:
    """Return one line for each tag that the exchange has accepted more than once."""
    counted = Counter(report.tag for report in reports if report.tag)
    return [f"tag {tag} is at the exchange {times} times" for tag, times in counted.items() if times > 1]


def _bought_twice(reports: Iterable[OrderReport], by_tag: dict[str, Order]) -> list[str]:
    """Return one line for each buy of which more than one generation is alive or has traded."""
    chains: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for report in reports:
        order = by_tag.get(report.tag or "")
        if order is not None and order.side is Side.BUY and (report.status in ALIVE or report.filled_quantity):
            chains[order.session, order.purpose, order.instrument_id, order.leg].add(order.tag)
    return [
        f"{chain[2]} for {chain[0]} was bought under the tags {', '.join(sorted(tags))}"
        for chain, tags in chains.items()
        if len(tags) > 1
    ]


def _orders_lost(reports: Iterable[OrderReport], by_tag: dict[str, Order]) -> list[str]:
    lost = []
    for report in reports:
        if not report.tag:
            continue
        order = by_tag.get(report.tag)
        what = f"{report.side} {report.quantity} {report.symbol} {report.tag}, {report.status} at the exchange"
        if order is None:
            lost.append(f"{what}, is not in the ledger")
        elif order.status is not OrderStatus.UNKNOWN:
            ended = (order.status in ENDED) != (report.status in TERMINAL)
            if ended or order.filled_quantity != report.filled_quantity:
                lost.append(
                    f"{what} with {report.filled_quantity} filled, is {order.status} with {order.filled_quantity} in the ledger"
                )
    return lost


def _phantoms(reports: Iterable[OrderReport], ours: Iterable[Order]) -> list[str]:
    """Return one line for each order that is alive in the ledger and absent at the exchange."""
    known = {report.tag for report in reports}
    return [
        f"order {order.id}, {order.side} {order.quantity} {order.symbol}, is {order.status} in the ledger and not at the exchange"
        for order in ours
        if order.status in {OrderStatus.PENDING, OrderStatus.ONGOING} and order.sending_at is not None and order.tag not in known
    ]


def _trades_lost(truth: Truth, ledger: Ledger, by_tag: dict[str, Order]) -> list[str]:
    booked = ledger.book.known_trades()
    tags = {report.broker_order_id: report.tag or "" for report in truth.orders}
    lost = []
    for trade in truth.trades:
        order = by_tag.get(tags.get(trade.broker_order_id, ""))
        if trade.trade_id not in booked and (order is None or order.status is not OrderStatus.UNKNOWN):
            lost.append(f"trade {trade.trade_id}, {trade.side} {trade.quantity} {trade.symbol}, is not in the ledger")
    return lost


def _shares(truth: Truth, ledger: Ledger, doubtful: set[str]) -> list[str]:
    held = {item.symbol: item.quantity + item.t1_quantity for item in truth.holdings}
    ours = {position.symbol: position.quantity for position in ledger.book.snapshot().positions}
    return [
        f"{symbol}: {ours.get(symbol, 0)} shares in the ledger, {held.get(symbol, 0)} at the exchange"
        for symbol in sorted(set(held) | set(ours))
        if held.get(symbol, 0) != ours.get(symbol, 0) and symbol not in doubtful
    ]
