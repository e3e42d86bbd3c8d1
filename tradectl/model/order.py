"""Define orders: the request, the broker's reports of orders and trades, fills, holdings and funds."""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum

from msgspec import Struct


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"


class Variety(StrEnum):
    REGULAR = "REGULAR"
    AMO = "AMO"


class Purpose(StrEnum):
    """Why an order exists. It is part of the client tag."""

    ENTRY = "entry"
    REENTRY = "reentry"
    TARGET = "target"
    RSI_EXIT = "rsi_exit"
    EXIT = "exit"  # the exit condition of an own strategy
    STOP = "stop"  # the stop of an own strategy
    SEED = "seed"
    UNIDENTIFIED = "unidentified"  # found at the broker with a tag of our shape, but no intent of this ledger explains it


class OrderStatus(StrEnum):
    """The status of an order."""

    PENDING = "PENDING"  # recorded or sent, not live at the exchange; also a waiting AMO
    ONGOING = "ONGOING"  # live at the exchange, perhaps partly filled
    EXECUTED = "EXECUTED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    RETRY_PENDING = "RETRY_PENDING"  # not at the broker for a temporary reason; it is tried again
    UNKNOWN = "UNKNOWN"  # it may or may not be at the exchange


class ReasonCode(StrEnum):
    """Why an order has its status, for code to branch on. The text `reason`, stored beside it, is for people."""

    WITHDRAWN = "withdrawn"  # a task or a person requested its cancel: a buy is not retried
    REAPPEARED = "reappeared"  # the ledger had ended it, but the broker's book shows it: it must be cancelled
    RETURNED = "returned"  # it was REJECTED, but the broker's book shows it: the book will show its outcome
    UNEXPLAINED = "unexplained"  # no intent of this ledger explains its tag: a person must decide
    UNFOUNDED = "unfounded"  # it sells shares of no position of this ledger: a person must decide
    DECIDED = "decided"  # a person decided; a later report of the broker may replace the decision
    FILLS_ENTERED = "fills_entered"  # a person entered its fills; a later report of the broker does not replace them
    REPEATED_TAG = "repeated_tag"  # the broker already has an order with its tag, so it must not be sent again
    UNSENT = "unsent"  # its session ended before it was sent
    RETRY_EXPIRED = "retry_expired"  # its session ended before it was tried again
    NEVER_APPEARED = "never_appeared"  # its session ended and the broker's book never showed it

    def text(self, detail: str = "") -> str:
        """Return the reason text that is stored with this code, followed by `detail`."""
        return f"{_REASONS[self]}: {detail}" if detail else _REASONS[self]


_REASONS: dict[ReasonCode, str] = {
    ReasonCode.WITHDRAWN: "its cancel was requested",
    ReasonCode.REAPPEARED: "the ledger had recorded its end, but the broker's list shows it",
    ReasonCode.RETURNED: "the broker rejected it, but the broker's list shows it",
    ReasonCode.UNEXPLAINED: "the broker's list has it under a tag of tradectl, but this ledger has no intent for it",
    ReasonCode.UNFOUNDED: "it sells shares of which this ledger has no position",
    ReasonCode.DECIDED: "a person decided",
    ReasonCode.FILLS_ENTERED: "a person entered its fills",
    ReasonCode.REPEATED_TAG: "the broker already has an order with its tag",
    ReasonCode.UNSENT: "its session ended before it was sent",
    ReasonCode.RETRY_EXPIRED: "its session ended before it was tried again",
    ReasonCode.NEVER_APPEARED: "its session ended, and the broker's list does not have it",
}
TO_BE_CANCELLED = frozenset({ReasonCode.WITHDRAWN, ReasonCode.REAPPEARED})
"""The order must be cancelled: its cancel was requested, or the next step requests it."""
ENDED_UNSEEN = frozenset({ReasonCode.UNSENT, ReasonCode.RETRY_EXPIRED, ReasonCode.NEVER_APPEARED})
"""The order ended with its session, and the broker never had it."""

S = OrderStatus
ALIVE = frozenset({S.PENDING, S.ONGOING, S.UNKNOWN})
"""Statuses of orders that may still trade, or may have traded already."""
TERMINAL = frozenset({S.EXECUTED, S.REJECTED, S.CANCELLED})
"""Statuses of ended orders."""
MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING: frozenset({S.ONGOING, S.EXECUTED, S.REJECTED, S.CANCELLED, S.RETRY_PENDING, S.UNKNOWN}),
    S.ONGOING: frozenset({S.EXECUTED, S.REJECTED, S.CANCELLED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.PENDING, S.ONGOING, S.EXECUTED, S.REJECTED, S.CANCELLED, S.RETRY_PENDING}),
    S.RETRY_PENDING: frozenset({S.PENDING, S.CANCELLED}),
    S.EXECUTED: frozenset(),
    S.REJECTED: frozenset({S.UNKNOWN}),
    S.CANCELLED: frozenset({S.UNKNOWN}),
}
"""The allowed changes of an order's status. To keep the status is always allowed; any other change is a bug.

REJECTED and CANCELLED change only to UNKNOWN, and only if the broker's book shows the order live or filled. Then the refusal was
wrong, or the end was an assumption: the order had not appeared, or a person had entered its end.
"""
CLIENT_TAG = re.compile(r"[A-Z2-7]{15}")
"""The shape of our client tags. A tag of another shape was written by the broker or by a person."""


class OrderRequest(Struct, frozen=True):
    """An order to send to a broker, for delivery (CNC) and the day. `price` is in paise (0 for MARKET)."""

    tag: str
    symbol: str
    side: Side
    quantity: int
    price: int
    order_type: OrderType = OrderType.LIMIT
    variety: Variety = Variety.REGULAR


class OrderReport(Struct, frozen=True):
    """One row of the broker's order list.

    Attributes:
        tag: The client tag; None if the broker shows none.
        price: The limit price in paise; 0 if the order has none.
        status: The broker's status, mapped to `OrderStatus`.
        passing: The order was rejected for a temporary reason, such as missing funds.
        unknown_word: The broker's status if the adapter does not know it, else empty. `status` is then UNKNOWN.
        out_of_auction: The exchange ended the order because its limit was outside the closing auction's band. False where the
            broker's row does not say so.
    """

    broker_order_id: str
    tag: str | None
    symbol: str
    side: Side
    quantity: int
    price: int
    filled_quantity: int
    status: OrderStatus
    reason: str
    variety: Variety
    placed_at: datetime
    updated_at: datetime
    passing: bool = False
    unknown_word: str = ""
    out_of_auction: bool = False

    @property
    def under_our_tag(self) -> bool:
        """Return whether the tag has the form of our client tags."""
        return self.tag is not None and CLIENT_TAG.fullmatch(self.tag) is not None

    @property
    def counts(self) -> bool:
        """Return whether the order may move money: it is open, its outcome is unknown, or it has fills."""
        return self.status in ALIVE or self.filled_quantity > 0


class TradeReport(Struct, frozen=True):
    """One row of the broker's trade list: one execution at the exchange. `price` is in paise."""

    trade_id: str
    broker_order_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    at: datetime


class Holding(Struct, frozen=True):
    """Shares of one symbol in the depository.

    Attributes:
        quantity: Delivered shares.
        t1_quantity: Shares that were bought but are not delivered yet.
        sellable: Shares that the broker lets us sell now; open sell orders are not subtracted.
        pledged: Pledged shares, which are in none of the other counts; also 0 if the broker does not list them.
        isin: The broker's ISIN; empty if it reports none.
        other_isin: The ISIN of another security whose shares the broker lists under this symbol. They are not counted.
    """

    symbol: str
    quantity: int
    t1_quantity: int
    sellable: int
    pledged: int = 0
    isin: str = ""
    other_isin: str = ""


class Funds(Struct, frozen=True):
    """Funds of the account in paise: `available` for buys now, `blocked` for open buys, and the total `cash`."""

    available: int
    blocked: int
    cash: int


class Fill(Struct, frozen=True):
    """One fill, with the values from which positions and charges are computed. `price` is in paise."""

    fill_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    session: date
    at: datetime
    order_id: int = 0
