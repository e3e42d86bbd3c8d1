"""Over any life of an account, the lots add up: no paisa and no share is lost or counted twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tradectl.exchange.charge_parts import LINES, parts_of_day
from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import ZERODHA
from tradectl.model.order import Fill, Side
from tradectl.tax.account import account_tax, sum_of
from tradectl.tax.events import ActionType, ShareAction, Trade
from tradectl.tax.rules import FinancialYear, Term, Treated
from tradectl.tax.year import tax_year

FIRST = date(2019, 4, 1)
day = st.integers(0, 2500).map(lambda n: FIRST + timedelta(days=n))
ratio = st.sampled_from([Fraction(2), Fraction(5), Fraction(10), Fraction(3, 2), Fraction(1, 2), Fraction(1, 300)])


@st.composite
def trades(draw: st.DrawFn) -> list[Trade]:
    names, sides = st.sampled_from(["ACME", "BETA"]), st.sampled_from(list(Side))
    row = st.tuples(day, names, sides, st.integers(1, 500), st.integers(1, 500_000))
    rows = draw(st.lists(row, min_size=1, max_size=25))
    return [
        Trade(f"T{i}", name, name, side, quantity, price, when, datetime.combine(when, time(4, i), UTC), order_id=f"O{i // 2}")
        for i, (when, name, side, quantity, price) in enumerate(rows)
    ]


@st.composite
def actions(draw: st.DrawFn) -> list[ShareAction]:
    kinds = st.sampled_from(list(ActionType))
    rows = draw(st.lists(st.tuples(day, kinds, ratio, st.integers(1, 99)), max_size=4))
    return [ShareAction("ACME", when, kind, part, to="BETA", cost_moved=Fraction(moved, 100)) for when, kind, part, moved in rows]


@settings(max_examples=60, deadline=None)
@given(trades(), actions())
def test_gains_of_lots_equal_proceeds_less_cost(made: list[Trade], acts: list[ShareAction]) -> None:
    found = account_tax(made, acts, {}, ZERODHA)
    bought = sum(trade.value for trade in made if trade.side is Side.BUY)
    sold = sum(trade.value for trade in made if trade.side is Side.SELL)
    held = sum(lot.cost for lot in found.matched.lots)
    gross = sum(item.proceeds - item.lot.cost for item in found.matched.disposals)
    gross += sum(item.proceeds - item.cost for item in found.matched.speculative)
    assert gross == sold - (bought - held)
    sales = sum(item.quantity for item in (*found.matched.disposals, *found.matched.speculative))
    assert sales == sum(trade.quantity for trade in made if trade.side is Side.SELL)


@settings(max_examples=60, deadline=None)
@given(trades(), actions())
def test_treated_charges_equal_the_day_charges(made: list[Trade], acts: list[ShareAction]) -> None:
    found = account_tax(made, acts, {}, ZERODHA)
    treated = Treated()
    for lot in found.matched.lots:
        treated += lot.charges
    for item in found.matched.disposals:
        treated += item.lot.charges + item.charges
    for pair in found.matched.speculative:
        treated += pair.buy_charges + pair.sale_charges
    assert treated.total == sum_of(item.lines for item in found.charges).total


@settings(max_examples=60, deadline=None)
@given(trades())
def test_the_years_and_windows_add_up_to_the_account(made: list[Trade]) -> None:
    found = account_tax(made, [], {}, ZERODHA)
    years = [tax_year(FinancialYear(start), found) for start in range(2018, 2028)]
    gains = sum(bucket.gain for year in years for bucket in year.buckets)
    known = [gain for gain in found.gains if gain.term is not Term.UNKNOWN]
    assert gains == sum(gain.gain for gain in (*known, *found.speculative))
    assert sum(len(year.unmatched) for year in years) == len(found.gains) - len(known)
    assert all(sum(bucket.windows) == bucket.gain == bucket.profits + bucket.losses for year in years for bucket in year.buckets)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 999), st.integers(1, 300_000)), min_size=1, max_size=8))
def test_parts_of_a_day_add_up_to_its_charges(rows: list[tuple[Side, int, int]]) -> None:
    when = date(2025, 6, 2)
    fills = [
        Fill(f"F{i}", "ACME", side, quantity, price, when, datetime.combine(when, time(4, i), UTC), i // 2 + 1)
        for i, (side, quantity, price) in enumerate(rows)
    ]
    parts, whole = parts_of_day(when, fills), day_charges(when, fills)
    for side, lines in ((Side.BUY, whole.buy), (Side.SELL, whole.sell)):
        own = [parts[fill.fill_id] for fill in fills if fill.side is side]
        total = sum_of(line for part in own for line in (part.delivery_lines, part.intraday_lines))
        assert [getattr(total, name) for name in LINES] == [getattr(lines, name) for name in LINES]
        assert all(part.delivered or part.delivery_lines.total == 0 for part in own)
