"""Over a split, a bonus, both on one day, a demerger and a bonus with a fraction: no false signal, no lost share or rupee.

`simulate --hold` buys a position through the order path in the post-close of the session before the ex-date; the rules would
not hold it then, so what it does afterwards is only selling. What came of it is read from the two ledgers it keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.program import Row, Server, rows
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store

CAPITAL = 10_00_000_00


@dataclass(frozen=True)
class Held:
    """A position bought on `bought` and held over `ex_date`; `ratio` new shares for one old."""

    symbol: str
    quantity: int
    bought: str
    ex_date: str
    last: str
    ratio: Fraction
    kinds: tuple[str, ...]

    @property
    def shares(self) -> int:
        """Afterwards, whole ones."""
        return int(self.quantity * self.ratio)


HELD = {
    "a split": Held("NESTLEIND", 7, "2024-01-04", "2024-01-05", "2024-01-19", Fraction(10), ("split",)),
    "a bonus": Held("RELIANCE", 7, "2024-10-25", "2024-10-28", "2024-11-13", Fraction(2), ("bonus",)),
    "a split and a bonus": Held("BAJFINANCE", 7, "2025-06-13", "2025-06-16", "2025-06-30", Fraction(10), ("split", "bonus")),
    "a demerger": Held("RELIANCE", 7, "2023-07-19", "2023-07-20", "2023-08-04", Fraction(1), ("demerger",)),
    "a fraction": Held("POWERGRID", 100, "2023-09-11", "2023-09-12", "2023-09-29", Fraction(4, 3), ("bonus",)),
    "a fraction of one share": Held("POWERGRID", 1, "2023-09-11", "2023-09-12", "2023-09-20", Fraction(4, 3), ("bonus",)),
}


@dataclass(frozen=True)
class Lived:
    """A simulation's answer and the files that it left."""

    held: Held
    result: dict[str, Any]
    folder: Path

    def ledger(self, query: str) -> list[Row]:
        return rows(self.folder / "ledger.db", query)

    def exchange(self, query: str) -> list[Row]:
        return rows(self.folder / "paper.db", query)

    @property
    def position(self) -> Row:
        [position] = self.ledger("SELECT * FROM positions")
        return position

    @property
    def cash_in_lieu(self) -> int:
        return sum(row["cash"] for row in self.ledger("SELECT cash FROM adjustments WHERE kind <> 'dividend'"))


@pytest.fixture(scope="module", params=HELD)
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Server, real_market: Path) -> Lived:
    held = HELD[request.param]
    work = tmp_path_factory.mktemp("held")
    said = home_with(real_market, work / "home", server)(
        "simulate", "--from", held.bought, "--to", held.last, "--universe", held.symbol,
        "--hold", f"{held.symbol}:{held.quantity}@{held.bought}", "--keep", str(work / "kept"), "--json",
    )  # fmt: skip
    assert said.outcome == ("completed", 0), said
    return Lived(held, said.object["result"], work / "kept")


def test_ledger_and_exchange_agree_to_the_paisa(lived: Lived):
    result = lived.result
    assert (result["reconciled"], result["differences"], result["troubles"]) == (True, [], [])
    assert lived.ledger("SELECT * FROM user_logs WHERE action = 'mismatch'") == []
    assert lived.ledger("SELECT * FROM daily_stats WHERE mismatches > 0") == []


def test_every_action_was_applied_once(lived: Lived):
    applied = lived.ledger("SELECT kind, ex_date, quantity_before, quantity_after FROM adjustments WHERE kind <> 'dividend'")
    assert tuple(row["kind"] for row in applied) == lived.held.kinds
    assert {row["ex_date"] for row in applied} == {lived.held.ex_date}
    assert (applied[0]["quantity_before"], applied[-1]["quantity_after"]) == (lived.held.quantity, lived.held.shares)


def test_no_share_is_lost(lived: Lived):
    sold = sum(row["quantity"] for row in lived.ledger("SELECT quantity FROM fills WHERE side = 'SELL'"))
    left = sum(row["quantity"] for row in lived.exchange("SELECT quantity FROM lots"))
    assert sold + lived.position["quantity"] == lived.held.shares
    assert left == lived.position["quantity"]
    assert sold > 0


def test_no_rupee_of_cost_is_lost(lived: Lived):
    """What was paid is what is still held, what was sold, and what left with a demerged company: all of it, at cost."""
    position = lived.position
    cost_of_sold = position["sold"] - (position["realised"] - lived.cash_in_lieu)
    assert position["cost"] + cost_of_sold + position["spun_off"] == position["bought"]
    assert (position["spun_off"] > 0) == ("demerger" in lived.held.kinds)


def test_no_rupee_of_cash_is_lost(lived: Lived):
    position = lived.position
    [entries] = lived.exchange("SELECT sum(amount) AS paise FROM cash_entries")
    flow = position["sold"] - position["bought"] - position["charges"] + position["dividends"] + lived.cash_in_lieu
    assert CAPITAL + flow == entries["paise"] == paise(lived.result["cash"])
    fraction = lived.held.quantity * lived.held.ratio - lived.held.shares
    assert (lived.cash_in_lieu > 0) == (fraction > 0)


def test_a_fraction_is_paid_at_the_price_of_the_day_before(lived: Lived, real_market: Path):
    fraction = lived.held.quantity * lived.held.ratio - lived.held.shares
    close = bar(real_market, lived.held.symbol, lived.held.bought)["close"]
    worth = fraction * close / lived.held.ratio
    assert abs(lived.cash_in_lieu - worth) <= Fraction(1, 2)


def test_every_fill_is_at_a_price_of_its_day_and_on_the_tick(lived: Lived, real_market: Path, sessions: SessionTable):
    store = Store(real_market, sessions)
    for fill in lived.ledger("SELECT symbol, price, session_date FROM fills"):
        traded = bar(real_market, fill["symbol"], fill["session_date"])
        day = date.fromisoformat(fill["session_date"])
        tick = store.instrument(store.find(fill["symbol"], day), day).tick_size
        assert traded["low"] <= fill["price"] <= traded["high"], fill
        assert fill["price"] % tick == 0, (fill, tick)


def test_there_is_no_false_signal(lived: Lived, real_market: Path):
    """Nothing is bought beside the seed, no sell rests at a price of before the action, and equity does not jump."""
    orders = lived.ledger("SELECT side, purpose, price, session_date, symbol FROM orders")
    assert [order["purpose"] for order in orders if order["side"] == "BUY"] == ["seed"]
    for order in orders:
        traded = bar(real_market, order["symbol"], order["session_date"])
        assert traded["low"] * 0.8 <= order["price"] <= traded["high"] * 1.2, order
    assert lived.result["max_drawdown"] < 0.02
    assert lived.ledger("SELECT * FROM orders WHERE status IN ('REJECTED', 'UNKNOWN')") == []


def bar(market: Path, symbol: str, session: str) -> Row:
    """A bar as it was traded, in paise."""
    [found] = rows(market / "archive.db", "SELECT * FROM bars WHERE symbol = ? AND session = ?", symbol, session)
    return found


def paise(rupees: str) -> int:
    return int(rupees.replace(".", ""))
