"""Write a bookkeeping as plain text: transactions and postings in one form, and what each program spells by `Spelling`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Protocol

from tradectl.model.money import to_rupees
from tradectl.report.exports.bookkeeping import Bookkeeping, LotPart, Transaction


class Spelling(Protocol):
    """What differs between the programs that read a bookkeeping. Each method returns lines or text without their ends.

    `indent`: what stands before each posting.
    """

    indent: str

    def opening(self, bookkeeping: Bookkeeping) -> Iterator[str]:
        """Yield the lines before the first entry."""

    def heading(self, entry: Transaction) -> Iterator[str]:
        """Yield the lines of an entry before its postings: date, text, tags and facts."""

    def shares(self, part: LotPart) -> str:
        """Return shares of a lot."""

    def closing(self, bookkeeping: Bookkeeping, day: date) -> Iterator[str]:
        """Yield the lines that assert what the ledger has at the end; `day` is the day after the last entry."""


def plain_text(bookkeeping: Bookkeeping, spelling: Spelling) -> bytes:
    """Return a bookkeeping as the content of a file."""
    return "\n".join(_lines(bookkeeping, spelling)).encode() + b"\n"


def _lines(bookkeeping: Bookkeeping, spelling: Spelling) -> Iterator[str]:
    yield from spelling.opening(bookkeeping)
    for entry in bookkeeping.entries:
        yield ""
        yield from spelling.heading(entry)
        for posting in entry.postings:
            amount = "" if posting.amount is None else f"{to_rupees(posting.amount)} INR"
            text = spelling.shares(posting.part) if posting.part is not None else amount
            yield f"{spelling.indent}{posting.account}  {text}".rstrip()
    yield ""
    yield from spelling.closing(bookkeeping, max(entry.day for entry in bookkeeping.entries) + timedelta(days=1))
