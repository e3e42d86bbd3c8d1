"""The bookkeeping of a random history: beancount finds no error, its cash and shares are the ledger's, its gains those of
`pnl`."""

from __future__ import annotations

from decimal import Decimal

from beancount.core.data import Transaction
from beancount.loader import load_string
from hypothesis import given, settings

from tests.property.accounts.test_profit_and_loss import accounts, lived, steps
from tests.support.accounts import Accounts
from tradectl.accounts.profit_and_loss import Span, whole_of
from tradectl.accounts.trade_history import read_history
from tradectl.report.exports.beancount import beancount
from tradectl.report.exports.bookkeeping import GAINS, ROUNDING, bookkeeping

__all__ = ["accounts"]


@settings(max_examples=10, deadline=None)
@given(story=steps(actions=True))
def test_beancount_agrees_whatever_happened(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> None:
    """The last lines of the bookkeeping assert cash and shares, so an error here is also a difference from the ledger."""
    user = lived(accounts, story)
    entries, errors, _ = load_string(beancount(bookkeeping(user.ledger)).decode())
    assert errors == []
    postings = [posting for entry in entries if isinstance(entry, Transaction) for posting in entry.postings]
    whole = whole_of(read_history(user.ledger), Span(), ())
    assert sum(item.units.number for item in postings if item.account == GAINS) == -Decimal(whole.gross) / 100
    left = sum(item.units.number for item in postings if item.account == ROUNDING)
    assert abs(left) < Decimal("0.01") * (1 + len(user.ledger.book.fills()))
