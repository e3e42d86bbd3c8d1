"""Decide whether a reply proves that a command was not carried out, from a table of each broker's documented refusals.

A command that was sent may have been carried out, whatever the reply. A reply proves the opposite only if the broker
documents that it sends the reply before acceptance. Each such reply is one `Proof`. After any other reply the outcome is
unknown (`Ambiguous`), and the broker's order list decides. `docs/reference/replies.md` lists the tables.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from tradectl.brokers.http.strict_json import OddNumber
from tradectl.errors import Ambiguous, OrderRefused
from tradectl.model.money import to_rupees
from tradectl.model.odd_rows import RowKind, odd_of
from tradectl.model.order import OrderReport


class CommandKind(StrEnum):
    """Name the kind of a command about an order. A change is a modification or a cancellation."""

    PLACE = "place"
    CHANGE = "change"


BOTH = frozenset(CommandKind)
PLACES, CHANGES = frozenset({CommandKind.PLACE}), frozenset({CommandKind.CHANGE})


class ReplyPhase(StrEnum):
    """Name when the broker sends a reply. A reply without a row may have been sent at any time."""

    BEFORE = "before acceptance"
    AFTER = "after acceptance"  # the reply is about an order that the broker accepted earlier


class Meaning(StrEnum):
    """Name the meaning of a documented reply. All but the last four are codes of `OrderRefused`.

    AUTHORISATION means that the holder has not authorised the broker to take the shares at the depository.
    """

    REFUSED = "refused"
    FUNDS = "funds"
    HOLDINGS = "holdings"
    AUTHORISATION = "authorisation"
    PHASE = "phase"
    BAND = "band"
    TICK = "tick"
    MODIFICATIONS = "modifications"
    FINISHED = "finished"
    REPEATED_TAG = "repeated_tag"
    SESSION = "session"
    ADDRESS = "address"
    PERMISSION = "permission"
    ANALYZER = "analyzer"


class Proof(Struct, frozen=True):
    """Describe a reply that the broker documents as a refusal.

    Attributes:
        meaning: What the reply means.
        statuses: The HTTP statuses of the reply.
        source: Where the reply is documented, or where it was seen.
        code: The broker's code or type, empty if the broker sends none.
        text: A regular expression for the message, empty if only the code is documented.
        commands: The commands after which the reply can come.
        phase: When the broker sends it.
    """

    meaning: Meaning
    statuses: frozenset[int]
    source: str
    code: str = ""
    text: str = ""
    commands: frozenset[CommandKind] = BOTH
    phase: ReplyPhase = ReplyPhase.BEFORE

    def fits(self, status: int, codes: Collection[str], text: str, command: CommandKind) -> bool:
        """Return whether a reply is this one. A message about a broken connection or a time-out never fits."""
        if status not in self.statuses or command not in self.commands or (self.code and self.code not in codes):
            return False
        if reports_connection_failure(text) or not (self.code or self.text):
            return False
        return not self.text or re.search(self.text, text, re.IGNORECASE) is not None

    def allows_an_order(self) -> bool:
        """Return whether the reply may contain an order id and still be this refusal.

        A refusal before acceptance has no order id. An order in OpenAlgo's analyzer mode is not real.
        """
        return self.phase is ReplyPhase.AFTER or self.meaning is Meaning.ANALYZER


_CONNECTION_FAILURE = re.compile(
    "|".join(
        (
            r"tim(ed?|ing)[ -]?out|deadline|(context|request|operation|connection)( was| is)? cancell?ed",
            r"gateway|upstream|downstream|back-?end|unreachable|unavailable|overload|temporar(y|ily)|too many requests",
            r"\bno (response|reply|answer)\b|(not|n't) (respond|repl|answer|connect)|(could|ca|can|did|was)( ?not|n'?t|'t) (be )?"
            r"(reach|connect|complet|confirm|fetch|processed)|(unable|failed) to (connect|reach|process|confirm|get|fetch)",
            r"\bconfirmation\b|unconfirmed|not confirmed|order ?book",
            r"internal (server )?error|something went wrong|(unknown|unexpected) (error|response)|\bEOF\b|end of file",
            r"(connection|socket|network) (error|fail(ure|ed)|reset|closed|refused|lost|aborted|broke)|reset by peer|broken pipe",
        )
    ),
    re.IGNORECASE,
)
"""Texts of a message about a failure behind the broker's server. The command may have been carried out then."""
_ORDER_ID = re.compile(r"(?=.*[1-9])[0-9A-Za-z][0-9A-Za-z_.:-]{0,63}")
_ID_NAME = re.compile(r"n?ord(er)?[_-]?(id|no|num|number)s?", re.IGNORECASE)
"""The names of a field with an order id at any broker (`order_id`, `orderid`, `nOrdNo`)."""
_ID_IN_WORDS = re.compile(r"\b\w*ord(?:er)?\w*\W[^0-9]{0,24}\b[0-9]{10,}\b", re.IGNORECASE)
"""An order number in a message. Prices, quantities and margins have fewer digits."""


def proof_of(
    table: Iterable[Proof], status: int, codes: Collection[str], text: str, command: CommandKind, *, content: object
) -> Proof | None:
    """Return the first row that fits a reply, None if the outcome of the command is unknown. `content` is the whole reply."""
    named = names_an_order(content)
    rows = (row for row in table if row.allows_an_order() or not named)
    return next((row for row in rows if row.fits(status, codes, text, command)), None)


def names_an_order(content: object) -> bool:
    """Return whether a reply contains an order id: in a field with such a name, or in a message."""
    rest = [content]
    while rest:
        item = rest.pop()
        if isinstance(item, Mapping):
            if any(_ID_NAME.fullmatch(str(name)) and order_id(value) for name, value in item.items()):
                return True
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, str) and _ID_IN_WORDS.search(item):
            return True
    return False


def reports_connection_failure(text: str) -> bool:
    """Return whether a message is about a time-out or a broken connection behind the server."""
    return _CONNECTION_FAILURE.search(text) is not None


def refused(meaning: Meaning, reason: str) -> OrderRefused:
    """Return the refusal of an order. Only a lack of funds is `passing`: the order may be sent again later."""
    return OrderRefused(reason, code=meaning.value, passing=meaning is Meaning.FUNDS)


def off_tick(broker: str, price: int, tick: int) -> OrderRefused:
    """Return the refusal of a price (paise) that is not on the tick of the broker's list. The order was not sent."""
    reason = f"price {to_rupees(price)} is off the tick size at {broker}, {to_rupees(tick)}: order not sent"
    return OrderRefused(reason, code=Meaning.TICK.value)


def above_freeze(broker: str, quantity: int, most: int) -> OrderRefused:
    """Return the refusal of an order above the freeze quantity of the broker's list. The order was not sent."""
    reason = f"{quantity} shares exceed the freeze quantity at {broker}, {most}: the order was not sent"
    return OrderRefused(reason, code="freeze")


def check_absent(book: Iterable[OrderReport], tag: str) -> None:
    """Raise Ambiguous if the order list has an order with this tag, or an unreadable row that may be that order.

    Call it before the same order is sent again.
    """
    odd = next((row for row in odd_of(book) if row.kind is RowKind.ORDER and row.tag in {"", tag}), None)
    if odd is not None:
        raise Ambiguous(f"the broker rejected the session, and {odd.text}: that row may be the order")
    if any(report.tag == tag for report in book):
        raise Ambiguous("the broker rejected the session, but its order book shows the order: it was placed")


def order_id(value: object) -> str | None:
    """Return an order id of a reply as text, None for a value that is no order id.

    An id has 1 to 64 letters, digits and `_ . : -`, with at least one digit from 1 to 9. A whole JSON number is accepted too.
    Kite and Kotak send 15 to 19 digits; brokers behind OpenAlgo send other ids.
    """
    if isinstance(value, bool | OddNumber) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if _ORDER_ID.fullmatch(text) else None
