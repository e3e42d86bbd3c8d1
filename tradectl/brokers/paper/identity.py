"""Checks that the exchange's file is the one that the account's owner knows, and not an earlier state of it.

The file has an identity, made with it, and counts the changes of each account. The owner notes both (`ledger/exchange_mark.py`).
A file that is missing, another file in its place, or a count behind the noted one is an error. It is never a new account: the
owner's orders and shares would be gone, and the same orders could be sent again.
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
    "Put the file back, or restore the ledger and the exchange from one backup (docs/how-to/back-up-and-restore.md). "
    "`tradectl sandbox accept` takes it as it is."
)


class Witness(Protocol):
    """What the owner of an account knows of the exchange."""

    def last(self) -> Mark | None:
        """Return the newest mark that was noted; None if there is none."""
        ...

    def orders_placed(self) -> int:
        """Return how many orders the owner has placed there."""
        ...

    def unfinished(self) -> frozenset[str]:
        """Return the tags of the owner's unfinished orders."""
        ...

    def remember(self, mark: Mark) -> None:
        """Note a mark."""
        ...

    def store(self) -> None:
        """Store what was noted, where nothing has yet."""
        ...


class NoWitness:
    """The owner of a throw-away account: it notes nothing."""

    def last(self) -> Mark | None:
        return None

    def orders_placed(self) -> int:
        return 0

    def unfinished(self) -> frozenset[str]:
        return frozenset()

    def remember(self, mark: Mark) -> None:
        """Note nothing."""

    def store(self) -> None:
        """Store nothing."""


def check_there(file: Path, known: Mark | None, witness: Witness) -> None:
    """Raise DatabaseError where an exchange that was used has no file; nothing is created then."""
    if file.exists() and file.stat().st_size:
        return
    what = "is empty" if file.exists() else "is missing"
    if known is not None:
        seen = f"the ledger has seen {known.changes} changes of its account"
    elif placed := witness.orders_placed():
        seen = f"the ledger has had {placed} orders there"
    else:
        return
    raise DatabaseError(f"the paper exchange {file} {what}, and {seen}. {MONEY} {HELP}")


def check_mark(file: Path, known: Mark | None, found: Mark) -> None:
    """Raise DatabaseError where the file is another exchange than the known one, or an earlier state of it."""
    if known is None:
        return
    if known.identity != found.identity:
        raise DatabaseError(f"{file} is not the paper exchange on which this ledger has traded: it was replaced. {MONEY} {HELP}")
    if known.changes > found.changes:
        raise DatabaseError(
            f"the paper exchange {file} is older than the ledger: it holds {found.changes} changes of the account, "
            f"and the ledger has seen {known.changes}. {MONEY} {HELP}"
        )


def check_new(file: Path, known: Mark | None, witness: Witness) -> None:
    """Raise DatabaseError where a ledger without a mark has had orders, and the file has no account of its user."""
    if known is None and (placed := witness.orders_placed()):
        raise DatabaseError(
            f"the paper exchange {file} has no account of this user, and the ledger has had {placed} orders there. {MONEY} {HELP}"
        )


def check_file(file: Path, account: str, witness: Witness) -> bool:
    """Make all checks without settling the account; return whether there is an account. Raises DatabaseError."""
    known = witness.last()
    check_there(file, known, witness)
    if not file.exists():
        return False
    with closing(Store(file, create=False)) as store:
        book = store.load(account)
        check_mark(file, known, Mark(store.identity, book.change_count if book else 0))
    if book is None:
        check_new(file, known, witness)
    return book is not None
