"""Define the kinds of faults, what an adapter declares about its broker, and the draws that decide when faults happen.

A draw is a keyed hash of its arguments. Nothing is stored, so every process gets the same result for the same arguments. The
moment is one of the arguments, so a later draw has another result.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, StrEnum
from hashlib import blake2b

from msgspec.structs import replace

from tradectl.errors import Ambiguous
from tradectl.ports import Capabilities


class Fault(StrEnum):
    """A kind of fault."""

    NONE = "none"
    REQUEST_LOST = "request_lost"  # a command times out and never arrives
    REPLY_LOST = "reply_lost"  # a command times out and was carried out
    REQUEST_LATE = "request_late"  # a command times out and arrives some seconds later
    REPLY_LATE = "reply_late"  # a command is carried out, and the reply is delayed
    SERVER_ERROR = "server_error"  # a 502; half of the commands were carried out
    ANSWERED_AS_REFUSED = "answered_as_refused"  # a command is carried out, and gets an error that no broker documents
    DOCUMENTED_REFUSAL = "documented_refusal"  # an order is carried out, and gets a refusal that its broker documents
    SLOW_BOOK = "slow_book"  # the book shows each order with a delay that is shorter than Promise.LAG declares
    SLOWER_BOOK = "slower_book"  # the same, with a longer delay than Promise.LAG declares
    DUPLICATE_REPORTS = "duplicate_reports"  # every order and trade is reported twice
    REPORTS_OUT_OF_ORDER = "reports_out_of_order"  # rows are shuffled; an order and its trades appear at different times
    PARTIAL_FILLS = "partial_fills"  # no effect in this package: the exchange itself fills in parts (`participation`)
    REJECTED_LATER = "rejected_later"  # an order is accepted, and then rejected; half of the buys for lack of funds
    TAKEN_BACK = "taken_back"  # every sell of a symbol is accepted and cancelled some seconds later, for a day
    VANISHED = "vanished"  # a sell is cancelled some time after it was accepted, and the book no longer shows it
    CANCEL_CROSSES_FILL = "cancel_crosses_fill"  # a cancel (sometimes a modify) gets OK, and the order stays as it was
    CHANGE_IGNORED = "change_ignored"  # a modify gets OK and changes nothing, or only the quantity
    BOOK_UNAVAILABLE = "book_unavailable"  # one kind of read fails for a minute
    SESSION_EXPIRED = "session_expired"  # every call needs a new login for a minute
    BOOK_EMPTIED = "book_emptied"  # orders that ended before today are no longer reported


class ServerError(Ambiguous):
    """The server replied with a 5xx, so the outcome of the command is unknown."""


class Promise(Enum):
    """What an adapter declares of its broker: refusal of a repeated tag, and the visibility lag (None: not guaranteed)."""

    REFUSES = True, None
    LAG = False, timedelta(seconds=30)
    NOTHING = False, None

    def __init__(self, refuses_repeated_tag: bool, visibility_lag: timedelta | None) -> None:
        self.refuses_repeated_tag = refuses_repeated_tag
        self.visibility_lag = visibility_lag

    def declared(self, exchange: Capabilities) -> Capabilities:
        """Return the exchange's capabilities with the two values of this promise."""
        return replace(exchange, refuses_repeated_tag=self.refuses_repeated_tag, visibility_lag=self.visibility_lag)


HIDDEN_FROM_THE_BOOK = frozenset({Fault.REQUEST_LATE, Fault.SLOW_BOOK, Fault.SLOWER_BOOK, Fault.BOOK_UNAVAILABLE})
"""Faults that hide an order from the book for a while.

With such a fault, the book does not contradict a false documented refusal, which counts as proof that there is no order. No
program can detect this, so the drill does not combine the two."""
ENDED_BY_BROKER = frozenset({Fault.TAKEN_BACK, Fault.VANISHED})
"""Faults that seeds do not include. A separate drill checks each minute after the broker itself has ended a sell."""
_WIRE = (
    Fault.REQUEST_LOST,
    Fault.REPLY_LOST,
    Fault.REQUEST_LATE,
    Fault.REPLY_LATE,
    Fault.SERVER_ERROR,
    Fault.ANSWERED_AS_REFUSED,
)
COMMAND_FAULTS: dict[str, tuple[Fault, ...]] = {
    "place": (*_WIRE, Fault.DOCUMENTED_REFUSAL),
    "modify": (*_WIRE, Fault.CANCEL_CROSSES_FILL, Fault.CHANGE_IGNORED),
    "cancel": (*_WIRE, Fault.CANCEL_CROSSES_FILL),
}
"""By command, the faults that may happen to it. At most one of them happens."""

Span = tuple[float, float]
"""The shortest and the longest time, in seconds."""
REQUEST_DELAY: Span = (5, 20)
REPLY_DELAY: Span = (10, 40)
ENDS_AFTER: Span = (20, 50)
"""The time between the acceptance of a sell and its cancel by the broker."""
SLOW: Span = (1, 25)
SLOW_AND_LATE: Span = (1, 9)
"""Used together with REQUEST_LATE: the request's delay and the book's lag add up to less than Promise.LAG declares."""
SLOWER: Span = (40, 240)
APART: Span = (5, 50)
"""The time between an order and its trades, if reports are out of order."""


class Draws:
    """The draws of one seed. `rate`: the fraction of moments (orders, minutes) at which an enabled fault happens."""

    def __init__(self, seed: int, rate: float) -> None:
        if not 0 <= rate <= 1:
            raise ValueError(f"a rate is from 0 to 1, not {rate}")
        self._key = str(seed).encode()[:64]
        self._rate = rate

    def number(self, *seeds: object) -> int:
        """Return a 64-bit number that depends only on the seed and the arguments."""
        words = "|".join(map(str, seeds)).encode()
        return int.from_bytes(blake2b(words, digest_size=8, key=self._key).digest(), "big")

    def fraction(self, *seeds: object) -> float:
        """Return a number from 0 to below 1 that depends only on the seed and the arguments."""
        return self.number(*seeds) / 2**64

    def hits(self, *seeds: object) -> bool:
        """Return whether a fault happens, with the probability `rate`."""
        return self.fraction(*seeds) < self._rate

    def span(self, span: Span, *seeds: object) -> timedelta:
        """Return a time between the two ends of a span."""
        least, most = span
        return timedelta(seconds=least + (most - least) * self.fraction(*seeds))
