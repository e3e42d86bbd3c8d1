"""Profit and loss and taxes of random histories: the bridge holds in every year, and nothing is lost between the years."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.property.accounts.test_profit_and_loss import FIRST, accounts, lived, steps
from tests.support.accounts import Accounts, tax_of
from tradectl.accounts.profit_and_loss import Span, whole_of
from tradectl.accounts.trade_history import read_history
from tradectl.ledger.schema import adjustments
from tradectl.papers.bridge import Bridge, bridge_of, by_treatment
from tradectl.tax.rules import FinancialYear, Treated
from tradectl.tax.year import TaxYear, tax_year

__all__ = ["accounts"]

YEARS = [FinancialYear(start) for start in range(2023, 2026)]


def bridged(user: Accounts) -> list[tuple[TaxYear, Bridge]]:
    tax = tax_of(user.ledger)
    return [(found := tax_year(year, tax), bridge_of(user.ledger, found)) for year in YEARS]


@settings(max_examples=25, deadline=None)
@given(story=steps(actions=True))
def test_every_year_reconciles_to_its_gains(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> None:
    """The lines sum to the gains; over the years, what the lots differ by is what the held lots differ by."""
    user = lived(accounts, story)
    history, tax = read_history(user.ledger), tax_of(user.ledger)
    found = bridged(user)
    for year, line in found:
        lines = (line.not_deducted, line.doubtful, line.fractions, line.outside, line.cost, line.charges, line.law)
        assert line.net + sum(lines) == line.gains == sum(bucket.gain for bucket in year.buckets)
        assert (line.outside, line.law) == (0, 0)
    held = Treated()
    for item in history.lots:
        held += by_treatment(item.lines, YEARS[0])
    left = Treated()
    for lot in tax.matched.lots:
        left += lot.charges
    ours = sum(item.lot.cost for item in history.lots) + history.spun_off
    assert sum(line.cost for _, line in found) == sum(lot.cost for lot in tax.matched.lots) - ours
    assert sum(line.charges for _, line in found) == left.deducted - held.deducted
    whole = whole_of(history, Span(), ())
    assert sum(line.fractions for _, line in found) == whole.cash_in_lieu - uncounted(user)
    paid = sum(row.charges for row in user.ledger.book.fills())
    treated = sum((year.charges.total for year, _ in found), left.total)
    assert treated == whole.paid.total + whole.paid_outside == paid


def uncounted(user: Accounts) -> int:
    """Return the cash that the story paid though its action left no fraction of a share."""
    with user.ledger.database.read() as connection:
        rows = connection.execute(select(adjustments).where(adjustments.c.user == user.ledger.user)).all()
    return sum(row.cash for row in rows if row.kind != "dividend" and row.quantity_before * Fraction(row.ratio) % 1 == 0)


@settings(max_examples=10, deadline=None)
@given(story=steps(actions=False), prices=st.tuples(st.integers(1_00, 5_000_00), st.integers(1_00, 5_000_00)))
def test_a_sold_out_account_differs_by_the_law_alone(
    accounts: Accounts, story: list[tuple[str, str, int, int, int]], prices: tuple[int, int]
) -> None:
    """Same-day trades change the year of a gain, not its sum: with no share left, only STT and doubtful charges remain."""
    user = lived(accounts, story)
    last = FIRST + timedelta(days=200)
    for symbol, price in zip(("ACME", "BETA"), prices, strict=True):
        if user.held(symbol):
            user.sell(last, user.held(symbol), price, symbol)
    found = bridged(user)
    assert sum(line.cost for _, line in found) == sum(line.charges for _, line in found) == 0
    net = whole_of(read_history(user.ledger), Span(), ()).net
    treated = [year.charges for year, _ in found]
    assert sum(line.gains for _, line in found) == net + sum(item.not_deducted + item.doubtful for item in treated)
