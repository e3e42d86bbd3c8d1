"""Check that the exchange's file is the one that the ledger knows, and not an earlier state of it.

The file has a random identity from its creation and counts the changes of each account. The ledger records both
(`ledger/exchange_mark.py`). A missing file, another file, or a count below the recorded one is an error. Such a file never
becomes a new account: the account's orders and shares would be lost, and the same orders could be sent again.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Protocol

from tradectl.brokers.paper.store import Store
from tradectl.errors import DatabaseError
from tradectl.ledger.exchange_mark import Mark

MONEY = "No order is sent: its resting orders and holdings are unknown."
HELP = (
    "Put the file back, or restore the ledger and the exchange from one backup (`tradectl help back-up`). "
    "`tradectl sandbox accept` accepts the file as it is."
)


class ExchangeMarks(Protocol):
    """Give and record what the ledger knows of the exchange."""

    def last(self) -> Mark | None:
        """Return the newest recorded mark, None if there is none."""
        ...

    def orders_placed(self) -> int:
        """Return how many orders the ledger has placed at the exchange."""
        ...

    def unfinished(self) -> frozenset[str]:
        """Return the tags of the ledger's unfinished orders."""
        ...

    def record(self, mark: Mark) -> None:
        """Record a mark."""
        ...

    def store(self) -> None:
        """Write the recorded mark to the ledger, if that has not happened yet."""
        ...


class NoMarks:
    """Stand in for the ledger of a throw-away account: record nothing."""

    def last(self) -> Mark | None:
        return None

    def orders_placed(self) -> int:
        return 0

    def unfinished(self) -> frozenset[str]:
        return frozenset()

    def record(self, mark: Mark) -> None:
        """Record nothing."""

    def store(self) -> None:
        """Store nothing."""


def check_there(file: Path, known: Mark | None, marks: ExchangeMarks) -> None:
    """Raise DatabaseError if an exchange that was used has no file or an empty file. Nothing is created then."""
    if file.exists() and file.stat().st_size:
        return
    what = "is empty" if file.exists() else "is missing"
    if known is not None:
        seen = f"the ledger has seen {known.changes} changes of its account"
    elif placed := marks.orders_placed():
        seen = f"the ledger has had {placed} orders there"
    else:
        return
    raise DatabaseError(f"the paper exchange {file} {what}, and {seen}. {MONEY} {HELP}")


def check_mark(file: Path, known: Mark | None, found: Mark) -> None:
    """Raise DatabaseError if the file is another exchange than the known one, or an earlier state of it.

    `known` is None if the ledger has recorded no mark; then nothing is checked.
    """
    if known is None:
        return
    if known.identity != found.identity:
        raise DatabaseError(f"{file} is not the paper exchange on which this ledger has traded: it was replaced. {MONEY} {HELP}")
    if known.changes > found.changes:
        raise DatabaseError(
            f"the paper exchange {file} is older than the ledger: it holds {found.changes} changes of the account, "
            f"and the ledger has seen {known.changes}. {MONEY} {HELP}"
        )


def check_new(file: Path, known: Mark | None, marks: ExchangeMarks) -> None:
    """Raise DatabaseError if the ledger has orders but no mark. The caller found no account of its user in the file."""
    if known is None and (placed := marks.orders_placed()):
        raise DatabaseError(
            f"the paper exchange {file} has no account of this user, and the ledger has had {placed} orders there. {MONEY} {HELP}"
        )


def check_file(file: Path, account: str, marks: ExchangeMarks) -> bool:
    """Make all checks without settling the account. Return whether the file has the account. Raises DatabaseError."""
    known = marks.last()
    check_there(file, known, marks)
    if not file.exists():
        return False
    with closing(Store(file, create=False)) as store:
        book = store.load(account)
        check_mark(file, known, Mark(store.identity, book.change_count if book else 0))
    if book is None:
        check_new(file, known, marks)
    return book is not None
