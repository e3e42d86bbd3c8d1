"""Generate the reference page on what a reply to a command proves, from the brokers' tables."""

from __future__ import annotations

from collections.abc import Iterator

from tradectl.brokers.dhan.error_mapping import PROOFS as DHAN
from tradectl.brokers.http.replies import BOTH, Meaning, Proof
from tradectl.brokers.kite.error_mapping import PROOFS as KITE
from tradectl.brokers.kotak_neo.error_mapping import PROOFS as KOTAK_NEO
from tradectl.brokers.openalgo.error_mapping import PROOFS as OPENALGO

BROKERS = (
    ("kite", "HTTP 200 to 299, `status` `success`, and an order id in `data.order_id`", KITE),
    ("kotak_neo", "HTTP 200 to 299, `stat` `Ok`, `stCode` 200 or none, and an order id in `nOrdNo`", KOTAK_NEO),
    ("openalgo", "HTTP 200, `status` `success`, no `mode` but `live`, and an order id in `orderid`", OPENALGO),
    ("dhan", "HTTP 200 (202 for a change), no `errorCode`, and an order id in `orderId`", DHAN),
)
_MEANS = {
    Meaning.SESSION: "not sent: the session has ended, exit 5",
    Meaning.ADDRESS: "not sent: the address is not listed, exit 4",
    Meaning.PERMISSION: "not sent: not permitted, exit 4",
    Meaning.ANALYZER: "not sent: the server is in its analyzer mode, exit 4",
    Meaning.FUNDS: "refused for lack of funds, may pass",
    Meaning.REPEATED_TAG: "UNKNOWN: the broker has an order under this tag",
}
INTRODUCTION = """# What a reply to a command proves

A command (place, modify, cancel) that was sent may have been carried out, whatever the broker replied. There are three
outcomes:

| reply | outcome of a new order |
|---|---|
| a success with an order id | PENDING, under that id |
| a refusal in the table of its broker below | REJECTED, RETRY_PENDING or not sent, as the table says |
| everything else | UNKNOWN: the symbol is blocked, and the order book decides |

Everything else is, for example: HTTP 429, 408 and every 5xx; an error with another status, code or text than its row; a page, an
empty body, half a document, JSON that is nested too deep; a success without an order id, or with one that is no id (null, 0, a
list, 5,000 digits); a time-out, a reset, a truncated reply. A refusal counts only until the order book shows the order.

A text or code is no refusal if the reply also has a text about a system behind the broker's server: a time-out, a deadline, a
gateway, a broken connection, a missing confirmation, the advice to check the order book. A reply that names an order, in any
field or in its text, is no refusal before acceptance either.

An order id has 1 to 64 letters, digits and `_ . : -`, with a digit from 1 to 9 among them. Kite, Kotak and
Dhan reply to a modification or a cancellation with the id of its order.

After a modification or a cancellation the order is read back, whatever the reply was.

`tests/lab/sandboxes/test_ambiguous_replies.py` carries an order out and then replies in each of some 200 shapes for each broker.
`tradectl drill` has the same shapes (`answered_as_refused`).
"""


def replies() -> str:
    """Return the page, without the first line, which marks generated pages."""
    return INTRODUCTION + "".join(_broker(*each) for each in BROKERS)


def _broker(name: str, success: str, table: tuple[Proof, ...]) -> str:
    head = "| HTTP | code | words | reply to | sent | it means | source |\n|---|---|---|---|---|---|---|\n"
    return f"\n## {name}\n\nA success: {success}.\n\n{head}" + "".join(f"| {' | '.join(_cells(row))} |\n" for row in table)


def _cells(row: Proof) -> Iterator[str]:
    yield ", ".join(map(str, sorted(row.statuses)))
    yield f"`{row.code}`" if row.code else ""
    yield f"`{row.text.replace('|', chr(92) + '|')}`" if row.text else "any"
    yield "both" if row.commands == BOTH else ", ".join(sorted(row.commands))
    yield row.phase.value
    yield _MEANS.get(row.meaning, f"refused ({row.meaning})")
    yield row.source
