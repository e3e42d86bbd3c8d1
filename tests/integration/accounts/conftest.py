"""A ledger with everything that a journal has to book."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.accounts import REENTRY, RSI_EXIT, Accounts
from tradectl.model.market import ActionKind

MARCH, APRIL, MAY, JUNE = date(2026, 3, 30), date(2026, 4, 2), date(2026, 5, 4), date(2026, 6, 5)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Accounts]:
    made = Accounts.in_folder(tmp_path)
    yield made
    made.ledger.database.close()


@pytest.fixture
def accounts(empty: Accounts) -> Accounts:
    """Buys of ACME, a dividend, a bonus with a fraction, partial sales, a demerger, a sale by hand; M&M; 3MINDIA. Shares of ACME
    and of 3MINDIA are held at the end."""
    user = empty
    user.buy(MARCH, 100, 1_000_05)
    user.buy(MARCH, 7, 3_000_00, "M&M")
    user.act(APRIL, ActionKind.DIVIDEND, cash=550_00)
    user.buy(APRIL, 50, 980_00, purpose=REENTRY)
    user.act(date(2026, 4, 10), ActionKind.BONUS, ratio=Fraction(4, 3), cash=333_33)
    user.sell(MAY, 120, 800_00)
    user.sell(MAY, 7, 2_900_15, "M&M", RSI_EXIT)
    user.act(date(2026, 5, 11), ActionKind.DEMERGER, kept=Fraction(7, 9))
    user.sell(JUNE, 31, 700_00, purpose=None)
    user.buy(JUNE, 3, 31_000_00, "3MINDIA")
    return user
