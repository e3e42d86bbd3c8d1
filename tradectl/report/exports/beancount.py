"""Write a bookkeeping for beancount. Its lots have the id of their fill as a label; the last lines assert cash and shares."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from tradectl.model.money import to_rupees
from tradectl.report.exports.bookkeeping import ACCOUNTS, CASH, SHARES, Bookkeeping, LotPart, Transaction
from tradectl.report.exports.plain_text import plain_text


def beancount(bookkeeping: Bookkeeping) -> bytes:
    """Return the bookkeeping as the content of a `.beancount` file."""
    return plain_text(bookkeeping, _Beancount())


class _Beancount:
    indent = "  "

    def opening(self, bookkeeping: Bookkeeping) -> Iterator[str]:
        first = bookkeeping.entries[0].day
        yield ";; Written by tradectl. Amounts in INR."
        yield 'option "title" "tradectl"'
        yield 'option "operating_currency" "INR"'
        yield ""
        for account in ACCOUNTS:
            yield f"{first} open {account}"
        for symbol in bookkeeping.symbols:
            yield f"{first} commodity {commodity(symbol)}"
            yield f"  name: {_quoted(symbol)}"

    def heading(self, entry: Transaction) -> Iterator[str]:
        tags = "".join(f" #{tag}" for tag in entry.tags)
        yield f"{entry.day} * {_quoted(entry.text)}{tags}"
        for name, fact in entry.facts.items():
            yield f"  {name}: {_quoted(fact)}"

    def shares(self, part: LotPart) -> str:
        price = f" @ {to_rupees(part.price)} INR" if part.price is not None else ""
        put_in = f'{{{{{to_rupees(part.total)} INR, {part.bought}, "{part.lot}"}}}}'
        cost = put_in if part.quantity > 0 else f'{{"{part.lot}"}}'
        return f"{part.quantity} {commodity(part.symbol)} {cost}{price}"

    def closing(self, bookkeeping: Bookkeeping, day: date) -> Iterator[str]:
        yield f"{day} balance {CASH}  {to_rupees(bookkeeping.cash)} INR"
        for symbol, quantity in bookkeeping.shares.items():
            yield f"{day} balance {SHARES}  {quantity} {commodity(symbol)}"


def commodity(symbol: str) -> str:
    """Return a symbol as beancount allows it: `M&M` becomes `M.26M`, and `3MINDIA` becomes `N-3MINDIA`.

    Beancount allows capital letters, digits and `. _ -`, with a letter first and a letter or digit last.
    """
    name = re.sub(r"[^A-Z0-9_-]", lambda found: f".{ord(found[0]):02X}", symbol.upper())
    return name if name[:1].isalpha() and len(name) > 1 else f"N-{name}"


def _quoted(text: str) -> str:
    """Return a text as a string of beancount, on one line."""
    return '"' + " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'
