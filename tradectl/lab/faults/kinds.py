"""The kinds of faults, what an adapter declares in spite of them, and the draws that decide when they happen.

A draw is a keyed hash of its arguments. Nothing is stored, so every process that draws the same at the same moment gets the
same result, and a later draw is a new one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import Enum, StrEnum
from hashlib import blake2b

from tradectl.errors import Ambiguous
from tradectl.ports import Capabilities


class Fault(StrEnum):
    """A kind of fault."""

    NONE = "none"
    REQUEST_LOST = "request_lost"  # a command times out and never arrives
    REPLY_LOST = "reply_lost"  # a command times out and was carried out
    REQUEST_LATE = "request_late"  # a command times out and arrives some seconds later
    REPLY_LATE = "reply_late"  # a command is carried out and the answer takes its time
    SERVER_ERROR = "server_error"  # a 502; half of the commands were carried out
    ANSWERED_AS_REFUSED = "answered_as_refused"  # a command is carried out, and answered with an error that no broker documents
    DOCUMENTED_REFUSAL = "documented_refusal"  # an order is carried out, and answered with a refusal that its broker documents
    SLOW_BOOK = "slow_book"  # the book shows every order as it was a while ago, less than Promise.LAG declares
    SLOWER_BOOK = "slower_book"  # the same, by more than Promise.LAG declares
    DUPLICATE_REPORTS = "duplicate_reports"  # every order and trade is reported twice
    REPORTS_OUT_OF_ORDER = "reports_out_of_order"  # rows are shuffled; an order and its trades do not come together
    PARTIAL_FILLS = "partial_fills"  # nothing here: the exchange itself fills in parts (its `participation`)
    REJECTED_LATER = "rejected_later"  # an order is accepted, and then rejected; half of the buys for want of funds
    TAKEN_BACK = "taken_back"  # every sell of a symbol is accepted and cancelled some seconds later, for a day
    VANISHED = "vanished"  # a sell is cancelled some time after it was accepted, and the book no longer shows it
    CANCEL_CROSSES_FILL = "cancel_crosses_fill"  # a cancel (at times a modify) is answered OK and the order lives on
    CHANGE_IGNORED = "change_ignored"  # a modify is answered OK and changes nothing, or only the quantity
    BOOK_UNAVAILABLE = "book_unavailable"  # for a minute one kind of read fails
    SESSION_EXPIRED = "session_expired"  # for a minute nothing is answered without a new login
    BOOK_EMPTIED = "book_emptied"  # what ended before today is not reported any more


class ServerError(Ambiguous):
    """The server replied with a 5xx, which says nothing about the command."""


class Promise(Enum):
    """What the adapter declares about its broker: whether a repeated tag is refused, and how long an order may be invisible."""

    REFUSES = True, None
    LAG = False, timedelta(seconds=30)
    NOTHING = False, None

    def __init__(self, refuses_repeated_tag: bool, visibility_lag: timedelta | None) -> None:
        self.refuses_repeated_tag = refuses_repeated_tag
        self.visibility_lag = visibility_lag

    def declared(self, exchange: Capabilities) -> Capabilities:
        """Return the exchange's own capabilities with the two that this promise is about."""
        return replace(exchange, refuses_repeated_tag=self.refuses_repeated_tag, visibility_lag=self.visibility_lag)


HIDDEN_FROM_THE_BOOK = frozenset({Fault.REQUEST_LATE, Fault.SLOW_BOOK, Fault.SLOWER_BOOK, Fault.BOOK_UNAVAILABLE})
"""Faults that keep an order out of the book for a while. With one, nothing contradicts a false documented refusal,
which counts as proof of no order. No program can detect this, so the drill does not combine the two."""
HELD_BACK = frozenset({Fault.TAKEN_BACK, Fault.VANISHED})
"""Faults that the seeds leave out. A separate drill checks each minute what follows if a broker itself ends a sell."""
_WIRE = (
    Fault.REQUEST_LOST,
    Fault.REPLY_LOST,
    Fault.REQUEST_LATE,
    Fault.REPLY_LATE,
    Fault.SERVER_ERROR,
    Fault.ANSWERED_AS_REFUSED,
)
BEFALLS: dict[str, tuple[Fault, ...]] = {
    "place": (*_WIRE, Fault.DOCUMENTED_REFUSAL),
    "modify": (*_WIRE, Fault.CANCEL_CROSSES_FILL, Fault.CHANGE_IGNORED),
    "cancel": (*_WIRE, Fault.CANCEL_CROSSES_FILL),
}
"""Which faults may befall a command on its way. At most one of them does."""

Span = tuple[float, float]
"""The least and the most, in seconds."""
REQUEST_DELAY: Span = (5, 20)
REPLY_DELAY: Span = (10, 40)
ENDS_AFTER: Span = (20, 50)
"""Between the acceptance of a sell and its end, where the broker takes it back."""
SLOW: Span = (1, 25)
SLOW_AND_LATE: Span = (1, 9)
"""Used together with REQUEST_LATE: the request's delay and the book's lag add up to less than Promise.LAG declares."""
SLOWER: Span = (40, 240)
APART: Span = (5, 50)
"""Between an order and its trades, where reports are out of order."""


class Draws:
    """The draws of one seed. `rate` is the part of all moments (orders, minutes) at which a fault that is on happens."""

    def __init__(self, seed: int, rate: float) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"a rate is from 0 to 1, not {rate}")
        self._key = str(seed).encode()[:64]
        self._rate = rate

    def number(self, *seeds: object) -> int:
        """Return 64 bits that follow from the seed and the arguments."""
        words = "|".join(map(str, seeds)).encode()
        return int.from_bytes(blake2b(words, digest_size=8, key=self._key).digest(), "big")

    def fraction(self, *seeds: object) -> float:
        return self.number(*seeds) / 2**64

    def hits(self, *seeds: object) -> bool:
        return self.fraction(*seeds) < self._rate

    def span(self, span: Span, *seeds: object) -> timedelta:
        """Return a time between the least and the most of a span."""
        least, most = span
        return timedelta(seconds=least + (most - least) * self.fraction(*seeds))
