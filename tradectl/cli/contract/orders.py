"""The results of the commands about orders, and of `reconcile broker`."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from tradectl.cli.contract.accounts import NoteText
from tradectl.cli.contract.values import Count, Day, Detail, Moment, Rupees, Shares, Side, TradingState
from tradectl.execution.manual_resolution import CancelOutcome
from tradectl.ledger import schema


class OrderRow(TypedDict):
    """An order of the ledger."""

    notes: NotRequired[Annotated[list[NoteText], Detail({"description": "the notes on it, in the lists of orders"})]]


class FillRow(TypedDict):
    """A fill of an order."""


class OrderWithFills(TypedDict):
    """An order of the ledger with its fills."""

    fills: list[Annotated[FillRow, schema.fills]]
    notes: NotRequired[list[NoteText]]


class CancelledOrder(TypedDict):
    """An order and what became of its cancel."""

    fills: list[Annotated[FillRow, schema.fills]]
    notes: NotRequired[list[NoteText]]
    cancel: CancelOutcome
    cancel_reason: str


class CancelResult(TypedDict):
    """The orders that were to be cancelled."""

    orders: list[Annotated[CancelledOrder, schema.orders]]
    trading_state: TradingState
    reason: NotRequired[str]


class Candidate(TypedDict):
    """An order of the broker that may be ours."""

    broker_order_id: str
    quantity: Shares
    price: Rupees
    status: str
    filled_quantity: Shares
    placed_at: Moment | None


class KnownOfOrder(TypedDict):
    """What is known of an order of unknown outcome."""

    sending_at: Moment | None
    sender: str | None
    may_be_sending: bool
    sender_elsewhere: bool
    absent_since: Moment | None
    visibility_lag: float | None
    promise: str
    candidates: list[Candidate]


class ResolveResult(TypedDict):
    """An order, and what is known of it while its outcome is unknown."""

    order: Annotated[OrderWithFills, schema.orders]
    known: KnownOfOrder | None


class Changed(TypedDict):
    """How many rows of the ledger followed the broker."""

    trades: Count
    executed: Count
    rejected: Count
    postponed: Count
    cancelled: Count
    adopted: Count
    counted: Count
    external: Count
    adjusted: Count
    reopened: Count
    doubted: Count


class OurOrder(TypedDict):
    """An order by the ledger."""

    id: int
    tag: str
    broker_order_id: str | None
    side: Side
    quantity: Shares
    filled_quantity: Shares
    price: Rupees
    status: str
    reason: str
    session_date: Day


class UnknownOrder(OurOrder):
    """An order of unknown outcome."""

    symbol: str
    sending_at: Moment | None
    may_be_sending: bool


class BrokersOrder(TypedDict):
    """An order by the broker."""

    broker_order_id: str
    tag: str | None
    symbol: str
    side: Side
    quantity: Shares
    filled_quantity: Shares
    price: Rupees
    status: str
    reason: str
    placed_at: Moment | None


class DifferingOrder(TypedDict):
    """An order that differs between ledger and broker."""

    symbol: str
    why: str
    ours: OurOrder | None
    broker: BrokersOrder | None


class DifferingShares(TypedDict):
    """A symbol with another number of shares at the broker."""

    symbol: str
    book: Shares
    broker: Shares
    own: Shares
    beyond: Shares
    differs: bool
    why: str


class CashDifference(TypedDict):
    """The cash by the fills and by the broker."""

    book: Rupees
    broker: Rupees
    difference: Rupees


class OddRow(TypedDict):
    """A row of the broker that cannot be read."""

    symbol: str | None
    kind: str
    field: str
    value: Any
    broker_order_id: str | None
    stops: bool


class ReconcileResult(TypedDict):
    """The comparison of the ledger with the broker."""

    changed: Changed
    orders: list[DifferingOrder]
    shares: list[DifferingShares]
    cash: CashDifference
    unknown: list[UnknownOrder]
    external: list[BrokersOrder]
    odd_rows: list[OddRow]
    agrees: bool
    reason: NotRequired[str]
