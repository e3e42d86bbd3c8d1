"""Outside trades: stored once, compared before they are stored, replaced and removed by their key."""

from __future__ import annotations

from datetime import UTC, date, datetime

from msgspec.structs import replace

from tests.integration.ledger.conftest import NOW
from tradectl.ledger.outside_trades import OutsideTrade, OutsideTrades
from tradectl.ledger.store import Ledger
from tradectl.model.order import Side

ONE = OutsideTrade(
    date(2025, 6, 2), "NSE", "1001", "M&M", Side.BUY, 10, 1500_50, datetime(2025, 6, 2, 4, 5, 6, tzinfo=UTC), "INE101A01026",
    "77", source="tradebook.csv", row=2,
)  # fmt: skip


def test_a_trade_is_read_as_it_was_stored(ledger: Ledger) -> None:
    store = OutsideTrades(ledger.database, ledger.user)
    other = replace(ONE, trade_id="1002", side=Side.SELL, buyback=True, series="BE", at=NOW)
    store.store([ONE, other], NOW)
    assert store.all() == [ONE, other]
    assert ledger.book.fills() == []


def test_a_comparison_tells_new_same_and_differing(ledger: Ledger) -> None:
    store = OutsideTrades(ledger.database, ledger.user)
    store.store([ONE], NOW)
    moved = replace(ONE, source="again.csv", row=9)
    changed, new = replace(ONE, quantity=11), replace(ONE, exchange="BSE")
    assert store.compare([moved]).same == (moved,)
    assert store.compare([changed]).differing == ((ONE, changed),)
    assert store.compare([new]).new == (new,)
    store.store([changed], NOW)
    assert store.all() == [changed]


def test_a_trade_is_removed_by_session_and_id(ledger: Ledger) -> None:
    store = OutsideTrades(ledger.database, ledger.user)
    store.store([ONE], NOW)
    assert store.remove(date(2025, 6, 3), ONE.trade_id) == 0
    assert (store.remove(ONE.session, ONE.trade_id), store.all()) == (1, [])


def test_users_have_trades_of_their_own(ledger: Ledger) -> None:
    ledger.users.add("ravi", capital=1, created_at=NOW, role="user")
    OutsideTrades(ledger.database, "ravi").store([ONE], NOW)
    assert OutsideTrades(ledger.database, ledger.user).all() == []
