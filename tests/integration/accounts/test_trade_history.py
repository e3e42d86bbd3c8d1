"""The history of a ledger: each trade has the charge lines of its own buy and sale, on a file and on a server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction

import pytest

from tests.support.accounts import Accounts
from tests.support.addresses import address, path, server
from tradectl.accounts.charge_lines import summed
from tradectl.accounts.charged_trades import BY_HAND, CORPORATE_ACTION
from tradectl.accounts.lot_changes import lot_changes
from tradectl.accounts.trade_history import read_history
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.notes import Note
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind
from tradectl.model.order import Side

__all__ = ["address", "path", "server"]

MARCH, APRIL, MAY = date(2023, 3, 31), date(2023, 4, 3), date(2023, 5, 2)
"""The exchange's rates changed between the first two: IPFT went from one to 1,000 rupees per crore."""


@pytest.fixture
def accounts(empty: Accounts) -> Accounts:
    return empty


@pytest.fixture
def anywhere(address: str) -> Iterator[Accounts]:
    """Accounts in a file and on a server."""
    database = open_database(address, durable=False)
    create_or_upgrade(database)
    yield Accounts(Ledger(database, "asha")).open()
    database.close()


def test_a_trade_has_the_lines_of_its_own_buy(accounts: Accounts) -> None:
    """Two lots of one size, bought under two tables of rates, and sold by one fill: only the second lot's buy has an IPFT."""
    accounts.buy(MARCH, 100, 1_000_00)
    accounts.buy(APRIL, 100, 1_000_00)
    accounts.sell(MAY, 200, 1_100_00)
    history = read_history(accounts.ledger)
    old, new = history.trades
    buys = [item for item in history.fills if item.side is Side.BUY]
    assert [item.lines.ipft for item in buys] == [0, 10]
    [sale] = [item.lines for item in history.fills if item.side is Side.SELL]
    assert (old.entry.session, new.entry.session) == (MARCH, APRIL)
    sold = [item.lines - item.entry.lines for item in history.trades]
    assert summed(sold) == sale
    assert sold[0].total - sold[1].total in {0, 1}
    assert all(line >= 0 for part in sold for line in part.amounts)


def test_a_part_of_a_lot_leaves_the_rest_of_its_lines(accounts: Accounts) -> None:
    accounts.buy(MARCH, 100, 1_000_00)
    accounts.sell(MAY, 30, 1_100_00, purpose=None)
    history = read_history(accounts.ledger)
    [trade], [lot], [bought, sold] = history.trades, history.lots, history.fills
    assert trade.lines + lot.lines == bought.lines + sold.lines
    assert (lot.lot.quantity, lot.lines.total) == (70, lot.lot.charges)
    assert (trade.id, trade.exit_purpose) == (f"{bought.id}-{sold.id}", BY_HAND)


def test_own_shares_sold_by_hand_are_not_ours(accounts: Accounts) -> None:
    """Of 50 shares, the user bought 40 outside tradectl: the trade has ten, with a fifth of the charges."""
    accounts.buy(MARCH, 20, 1_000_00)
    accounts.fill(APRIL, Side.BUY, 40, 900_00, "ACME", None)
    accounts.sell(MAY, 50, 1_100_00, purpose=None)
    history = read_history(accounts.ledger)
    sale = history.fills[-1]
    assert (sale.quantity, sale.booked) == (50, 10)
    assert sale.booked_lines.total == sale.lines.total // 5
    assert [item.trade.quantity for item in history.trades] == [10]
    assert [item.booked_lines.total for item in history.fills if item.external and item.side is Side.BUY] == [0]


def test_shares_that_a_consolidation_ended_have_no_sale(accounts: Accounts) -> None:
    accounts.buy(MARCH, 3, 1_000_00)
    accounts.act(APRIL, ActionKind.CONSOLIDATION, ratio=Fraction(1, 10), cash=2_950_00)
    history = read_history(accounts.ledger)
    [trade] = history.trades
    assert (trade.exit_purpose, trade.id, trade.trade.gross) == (CORPORATE_ACTION, "1-0", -3_000_00)
    assert [(item.dividend, item.cash_in_lieu) for item in history.credits] == [(0, 2_950_00)]
    [change] = lot_changes(accounts.ledger)
    assert (change.ended, change.after, len(change.before)) == (3_000_00, (), 1)


def test_a_history_up_to_a_day_has_nothing_later(accounts: Accounts) -> None:
    accounts.buy(MARCH, 100, 1_000_00)
    accounts.act(APRIL, ActionKind.SPLIT, ratio=Fraction(5))
    accounts.sell(MAY, 200, 210_00)
    history = read_history(accounts.ledger, through=APRIL - timedelta(days=1))
    assert ([item.lot.quantity for item in history.lots], history.trades) == ([100], ())
    assert [item.lot.quantity for item in read_history(accounts.ledger, through=APRIL).lots] == [500]


def test_a_server_returns_the_same_history_and_notes(anywhere: Accounts) -> None:
    accounts = anywhere
    order = accounts.buy(MARCH, 100, 1_000_00)
    accounts.act(APRIL, ActionKind.SPLIT, ratio=Fraction(5))
    accounts.sell(MAY, 200, 210_00)
    history, [change] = read_history(accounts.ledger), lot_changes(accounts.ledger)
    assert ([item.trade.gross for item in history.trades], change.after[0].quantity) == ([2_000_00], 500)
    assert history.trades[0].lines + history.lots[0].lines == summed(item.lines for item in history.fills)
    now = accounts.ledger.book.fills()[0].at
    accounts.ledger.notes.add(Note("ACME", "ज़रूरी = later", ("a", "b"), now, order_id=order))
    accounts.ledger.notes.add(Note("ACME", "gone", (), now, trade=("X1", "")))
    first, second = accounts.ledger.notes.all()
    assert (first.text, first.tags, first.order_id, first.trade) == ("ज़रूरी = later", ("a", "b"), order, None)
    assert (second.trade, second.order_id, second.at) == (("X1", ""), None, now)
