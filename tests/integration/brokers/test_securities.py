"""One holding of one security: rows of two exchanges, and another ISIN under a symbol of ours."""

from __future__ import annotations

from datetime import date
from itertools import permutations
from typing import Any, cast

import pytest

from tradectl.brokers.account.securities import counted_once, of_known_securities, under_symbols_of
from tradectl.errors import DatabaseError
from tradectl.lab.sandboxes.market import MarketListing, MemoryMarket
from tradectl.model.market import Instrument
from tradectl.model.odd_rows import Rows
from tradectl.model.order import Holding
from tradectl.ports import MarketData

DAY = date(2023, 7, 14)
OURS, NEWER, PREFERENCE, OTHER = "INE100A01010", "INE100A01028", "INE100A03016", "INE999X01011"
PARTLY_PAID = "IN9100A01018"


def row(exchange: str, quantity: int, isin: str = OURS) -> dict[str, Any]:
    return {"exchange": exchange, "quantity": quantity, "isin": isin}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row("NSE", 117), row("BSE", 117)], [("NSE", 117)]),
        ([row("NSE", 60), row("BSE", 117)], [("NSE", 60)]),
        ([row("NSE", 0), row("BSE", 117)], [("BSE", 117)]),
        ([row("BSE", 117)], [("BSE", 117)]),
        ([row("NSE", 60), row("NSE", 117), row("BSE", 200)], [("NSE", 117)]),
        ([row("NSE", 1), row("NSE", 2, OTHER)], [("NSE", 1), ("NSE", 2)]),
    ],
)
def test_a_security_counts_once_in_whatever_order(rows: list[dict[str, Any]], found: list[tuple[str, int]]) -> None:
    for shuffled in permutations(rows):
        kept = counted_once(shuffled, lambda item: str(item["isin"]), lambda item: int(item["quantity"]))
        assert sorted((item["exchange"], item["quantity"]) for item in kept) == sorted(found)


def market(isin: str | None) -> MemoryMarket:
    return MemoryMarket(MarketListing(Instrument("ALPHA", "ALPHA", "EQ", isin, 5)))


@pytest.mark.parametrize(
    ("known", "told", "shares"),
    [
        (OURS, OURS, 117),
        (OURS, "", 117),
        (None, OTHER, 117),
        ("INEALPHA", OTHER, 117),
        (OURS, "not an ISIN", 117),
        (OURS, OTHER, 0),
        (OURS, PREFERENCE, 0),
        (OURS, PARTLY_PAID, 0),
        (OURS, NEWER, 117),  # after a split, however old the list behind our market data is
        (NEWER, OURS, 117),
    ],
)
def test_another_isin_is_another_security(known: str | None, told: str, shares: int) -> None:
    (found,) = of_known_securities([Holding("ALPHA", 117, 0, 117, isin=told)], market(known), DAY)
    assert (found.quantity, found.sellable, found.other_isin) == (shares, shares, "" if shares else told)


def test_ours_stay_beside_another_security_of_the_same_name() -> None:
    both = [Holding("ALPHA", 50, 0, 50, isin=OTHER), Holding("ALPHA", 117, 0, 100, 17, isin=OURS), Holding("ZULU", 5, 0, 5)]
    for held in permutations(both):
        found = {item.symbol: item for item in of_known_securities(held, market(OURS), DAY)}
        assert (found["ALPHA"].quantity, found["ALPHA"].sellable, found["ALPHA"].pledged) == (117, 100, 17)
        assert (found["ALPHA"].other_isin, found["ZULU"].quantity) == ("", 5)


class LockedMarket:
    """Market data whose archive another process has locked: each read takes long, and fails."""

    reads = 0

    def find(self, symbol: str, day: date) -> str:
        self.reads += 1
        raise DatabaseError("archive.db: database is locked")

    def instrument(self, instrument_id: str, day: date) -> Instrument:
        raise DatabaseError("archive.db: database is locked")


def test_a_brokers_symbols_need_no_market_data() -> None:
    locked = LockedMarket()
    rows = Rows([Holding("ALPHA", 10, 0, 100), Holding("BETA", 20, 0, 100)])
    assert under_symbols_of(rows, cast("MarketData", locked), lambda _: DAY) is rows
    assert locked.reads == 1
