"""Orders as the field names them: what we ask for, what the broker reports, what was filled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


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
    """Why we want an order; part of its client tag."""

    ENTRY = "entry"
    REENTRY = "reentry"
    TARGET = "target"
    RSI_EXIT = "rsi_exit"
    SEED = "seed"
    UNIDENTIFIED = "unidentified"  # found at the broker under a tag of our shape that no intent of this ledger explains


class OrderStatus(StrEnum):
    PENDING = "PENDING"  # recorded or sent, not live at the exchange; a waiting AMO too
    ONGOING = "ONGOING"  # live at the exchange, perhaps partly filled
    EXECUTED = "EXECUTED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    RETRY_PENDING = "RETRY_PENDING"  # not at the broker for a temporary reason; it is tried again
    UNKNOWN = "UNKNOWN"


class ReasonCode(StrEnum):
    """Why an order has its status, where code branches on that. `reason`, stored beside it, is text for people."""

    WITHDRAWN = "withdrawn"  # a task or a person requested its cancel here: a buy is not retried
    REAPPEARED = "reappeared"  # it was given up and the broker's book shows it: it is to be cancelled
    RETURNED = "returned"  # it was REJECTED and the broker's book shows it: the book will show its outcome
    UNEXPLAINED = "unexplained"  # no intent of this ledger explains its tag: a person must decide
    UNFOUNDED = "unfounded"  # it sells shares of no position of this ledger: a person must decide
    DECIDED = "decided"  # a person decided; a later report of the broker may replace that
    FILLS_ENTERED = "fills_entered"  # a person entered its fills; a later report of the broker does not replace them
    REPEATED_TAG = "repeated_tag"  # the broker has an order under its tag, so it must not be sent again
    UNSENT = "unsent"  # its session ended before it was sent
    RETRY_EXPIRED = "retry_expired"  # its session ended before it was tried again
    NEVER_APPEARED = "never_appeared"  # its session ended and the broker's book never showed it

    def text(self, detail: str = "") -> str:
        """Return the reason that is stored with this code, followed by the details."""
        return f"{_REASONS[self]}: {detail}" if detail else _REASONS[self]


_REASONS: dict[ReasonCode, str] = {
    ReasonCode.WITHDRAWN: "its end was asked for",
    ReasonCode.REAPPEARED: "it appeared after its end",
    ReasonCode.RETURNED: "the broker called it refused, and its book has it",
    ReasonCode.UNEXPLAINED: "the broker has it under a tag of ours that no intent of this ledger explains",
    ReasonCode.UNFOUNDED: "it sells shares of which this ledger has no position",
    ReasonCode.DECIDED: "a person decided",
    ReasonCode.FILLS_ENTERED: "a person told",
    ReasonCode.REPEATED_TAG: "the broker has it",
    ReasonCode.UNSENT: "its session ended before it was sent",
    ReasonCode.RETRY_EXPIRED: "its session ended",
    ReasonCode.NEVER_APPEARED: "never_appeared",
}
TO_BE_CANCELLED = frozenset({ReasonCode.WITHDRAWN, ReasonCode.REAPPEARED})
"""The order is not wanted any more: its cancel was requested here, or is requested by the next step."""
ENDED_UNSEEN = frozenset({ReasonCode.UNSENT, ReasonCode.RETRY_EXPIRED, ReasonCode.NEVER_APPEARED})
"""The order ended with its session without ever reaching the broker."""

S = OrderStatus
ALIVE = frozenset({S.PENDING, S.ONGOING, S.UNKNOWN})
"""May still trade, or may already have."""
TERMINAL = frozenset({S.EXECUTED, S.REJECTED, S.CANCELLED})
MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    S.PENDING: frozenset({S.ONGOING, S.EXECUTED, S.REJECTED, S.CANCELLED, S.RETRY_PENDING, S.UNKNOWN}),
    S.ONGOING: frozenset({S.EXECUTED, S.REJECTED, S.CANCELLED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.PENDING, S.ONGOING, S.EXECUTED, S.REJECTED, S.CANCELLED, S.RETRY_PENDING}),
    S.RETRY_PENDING: frozenset({S.PENDING, S.CANCELLED}),
    S.EXECUTED: frozenset(),
    S.REJECTED: frozenset({S.UNKNOWN}),
    S.CANCELLED: frozenset({S.UNKNOWN}),
}
"""Every move of an order's status that is allowed; staying is always allowed, anything else is a bug.

REJECTED and CANCELLED are left only where the broker's book shows the order alive or filled after all: the refusal was wrong,
or the end was presumed (the order never appeared, or a person said so)."""
CLIENT_TAG = re.compile(r"[A-Z2-7]{15}")
"""The shape of our client tags; a tag of another shape is the broker's own or a person's."""


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What is sent to a broker: LIMIT or MARKET, product CNC, validity DAY. `price` in paise (0 for MARKET)."""

    tag: str
    symbol: str
    side: Side
    quantity: int
    price: int
    order_type: OrderType = OrderType.LIMIT
    variety: Variety = Variety.REGULAR


@dataclass(frozen=True, slots=True)
class OrderReport:
    """What the broker says now of one order. `price` and `average_price` in paise (average may be fractional: a float
    is fine here, fills carry the exact prices). `status` is already mapped to our words. `passing`: it was rejected for a
    temporary reason, such as missing funds. `unknown_word`: the broker's status, if no table has it; `status` is then
    UNKNOWN and says nothing about the order."""

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

    @property
    def under_our_tag(self) -> bool:
        """Return whether the tag has the form of our client tags."""
        return self.tag is not None and CLIENT_TAG.fullmatch(self.tag) is not None

    @property
    def counts(self) -> bool:
        """Return whether the order may move money: it is open, its outcome is unknown, or it has fills."""
        return self.status in ALIVE or self.filled_quantity > 0


@dataclass(frozen=True, slots=True)
class TradeReport:
    """One execution at the exchange, as the broker reports it. `price` in paise."""

    trade_id: str
    broker_order_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """What the depository has: `quantity` delivered, `t1_quantity` bought and not yet delivered, `sellable` what the
    broker lets us sell now (resting sells not subtracted). `pledged` shares are in none of these; 0 too where a broker does not
    list them. `isin`: the broker's, else empty. `other_isin`: the broker's shares under this symbol are of this other
    security, so none are counted here."""

    symbol: str
    quantity: int
    t1_quantity: int
    sellable: int
    pledged: int = 0
    isin: str = field(default="", compare=False)
    other_isin: str = ""


@dataclass(frozen=True, slots=True)
class Funds:
    """Paise. `available` may be spent on buys now; `blocked` is held for resting buys; `cash` is the account's total cash."""

    available: int
    blocked: int
    cash: int


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill, with all that positions and charges are computed from. `price` in paise."""

    fill_id: str
    symbol: str
    side: Side
    quantity: int
    price: int
    session: date
    at: datetime
    order_id: int = 0
