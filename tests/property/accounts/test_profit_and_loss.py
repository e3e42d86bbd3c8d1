"""Profit and loss of random histories: an independent sum over the stored fills gives the same, in every grouping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.accounts import CAPITAL, ENTRY, REENTRY, RSI_EXIT, TARGET, Accounts
from tradectl.accounts.charge_lines import summed
from tradectl.accounts.periods import Length
from tradectl.accounts.profit_and_loss import Group, Span, by_period, by_purpose, by_symbol, held_charges, whole_of
from tradectl.accounts.trade_history import TradeHistory, read_history
from tradectl.exchange.charges import day_charges
from tradectl.ledger.positions import whole_fill
from tradectl.model.market import ActionKind
from tradectl.model.order import Side

FIRST = date(2024, 3, 18)
"""Two weeks before a financial year ends; the rates of the exchange change with it."""
SYMBOLS = ("ACME", "BETA")


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    opened = Accounts.in_folder(tmp_path_factory.mktemp("accounts"))
    yield opened
    opened.ledger.database.close()


NUMBERS = count()


@st.composite
def steps(draw: st.DrawFn, *, actions: bool) -> list[tuple[str, str, int, int, int]]:
    """What happens, in which symbol, how many days later, to how many shares (or to which part), at what price."""
    kinds = ["buy", "buy", "sell", "sell", "by hand", *(["split", "bonus", "dividend", "demerger", "consolidation"] * actions)]
    return [
        (draw(st.sampled_from(kinds)), draw(st.sampled_from(SYMBOLS)), draw(st.integers(0, 6)), draw(st.integers(1, 100)),
         draw(st.integers(1_00, 5_000_00)))
        for _ in range(draw(st.integers(1, 16)))
    ]  # fmt: skip


def lived(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> Accounts:
    user, day = accounts.for_user(f"user{next(NUMBERS)}"), FIRST
    acted: set[tuple[str, date]] = set()
    for what, symbol, later, number, price in story:
        day += timedelta(days=later)
        held = user.held(symbol)
        if what == "buy":
            user.buy(day, number, price, symbol, ENTRY if not held else REENTRY)
        elif what in {"sell", "by hand"} and held:
            user.sell(
                day,
                max(1, held * number // 100),
                price,
                symbol,
                None if what == "by hand" else TARGET if number % 2 else RSI_EXIT,
            )
        elif held and (symbol, day) not in acted and not user.minutes.get(day):
            acted.add((symbol, day))
            act(user, what, day, symbol, number)
    return user


def act(user: Accounts, what: str, day: date, symbol: str, number: int) -> None:
    ratios = {"split": Fraction(5), "bonus": Fraction(4, 3), "consolidation": Fraction(1, 3)}
    kept = Fraction(number, 100) if what == "demerger" else Fraction(1)
    cash = number * 100 if what != "demerger" else 0
    user.act(day, ActionKind(what), symbol, ratio=ratios.get(what, Fraction(1)), kept=kept, cash=cash)


def groupings(history: TradeHistory) -> Iterator[tuple[Group, list[Group]]]:
    whole = whole_of(history, Span(), ())
    for length in Length:
        yield whole, by_period(whole, (), length)
    yield whole, by_symbol(whole, history)


@settings(max_examples=25, deadline=None)
@given(story=steps(actions=False))
def test_every_share_is_sold_once_with_its_own_charges(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> None:
    """Share by share, from the stored rows alone: the gross of each day and symbol, and the charges of each share's buy."""
    user = lived(accounts, story)
    history = read_history(user.ledger)
    shares: defaultdict[str, list[tuple[int, Fraction]]] = defaultdict(list)
    gross: defaultdict[tuple[date, str], int] = defaultdict(int)
    charges: defaultdict[tuple[date, str], Fraction] = defaultdict(Fraction)
    for row in user.ledger.book.fills():
        each = Fraction(row.charges, row.quantity)
        if row.side == Side.BUY:
            shares[row.symbol] += [(row.price, each)] * row.quantity
            continue
        sold, shares[row.symbol] = shares[row.symbol][: row.booked], shares[row.symbol][row.booked :]
        gross[row.session_date, row.symbol] += sum(row.price - price for price, _ in sold)
        charges[row.session_date, row.symbol] += sum(each + paid for _, paid in sold)
    found = {
        (item.period.first, group.key): item
        for group in by_symbol(whole_of(history, Span(), ()), history)
        for item in by_period(group, (), Length.DAY)
        if item.period
    }
    for key, amount in gross.items():
        assert found[key].gross == amount
        closed = found[key].trades
        assert abs(found[key].charges.total - charges[key]) <= len(closed)  # whole paise for each trade
        assert found[key].net == amount - found[key].charges.total


@settings(max_examples=25, deadline=None)
@given(story=steps(actions=True))
def test_sums_agree_with_the_ledger_and_the_table(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> None:
    """Cash, charges by line and dividends, also over splits, bonuses, demergers, consolidations and sales by hand."""
    user = lived(accounts, story)
    history, rows = read_history(user.ledger), user.ledger.book.fills()
    whole = whole_of(history, Span(), ())
    cost = sum(item.lot.cost for item in history.lots)
    held = held_charges(history, FIRST + timedelta(days=365))
    assert held == sum(item.lines.total for item in history.lots) == sum(item.lot.charges for item in history.lots)
    assert whole.paid == summed([whole.charges, *(item.lines for item in history.lots)])
    assert whole.paid.total + whole.paid_outside == sum(row.charges for row in rows)
    outside = sum((row.quantity - row.booked) * row.price for row in rows) - whole.paid_outside
    earned = whole.net + whole.dividends + whole.cash_in_lieu
    assert user.ledger.book.cash() == CAPITAL + earned - cost - history.spun_off - held + outside
    days: defaultdict[tuple[date, str], list[object]] = defaultdict(list)
    for row in rows:
        days[row.session_date, row.symbol].append(whole_fill(row))
    notes = [day_charges(day, fills, user.ledger.tariff) for (day, _), fills in days.items()]  # type: ignore[arg-type]
    lines = summed(item.lines for item in history.fills)
    for name, theirs in (("stt", "stt"), ("exchange", "transaction"), ("gst", "gst"), ("dp", "dp"), ("stamp", "stamp")):
        assert getattr(lines, name) == sum(getattr(note.buy, theirs) + getattr(note.sell, theirs) for note in notes)
    assert lines.other == 0


@settings(max_examples=25, deadline=None)
@given(story=steps(actions=True))
def test_the_groups_of_every_grouping_sum_to_the_whole(accounts: Accounts, story: list[tuple[str, str, int, int, int]]) -> None:
    history = read_history(lived(accounts, story).ledger)
    for whole, groups in groupings(history):
        for figure in ("gross", "net", "cost", "paid_outside", "dividends", "cash_in_lieu"):
            assert sum(getattr(group, figure) for group in groups) == getattr(whole, figure)
        assert summed(group.charges for group in groups) == whole.charges
        assert summed(group.paid for group in groups) == whole.paid
    whole = whole_of(history, Span(), ())
    assert summed(group.charges for group in by_purpose(whole)) == whole.charges
    for item in history.trades:
        assert (item.lines.total, item.trade.net) == (item.trade.charges, item.trade.gross - item.trade.charges)


@settings(max_examples=25, deadline=None)
@given(story=steps(actions=True), cut=st.integers(1, 60))
def test_two_spans_that_meet_count_what_one_counts(
    accounts: Accounts, story: list[tuple[str, str, int, int, int]], cut: int
) -> None:
    """A history that is read up to a day has the trades of that time, and later days change nothing in it."""
    user, middle = lived(accounts, story), FIRST + timedelta(days=cut)
    history, early = read_history(user.ledger), read_history(user.ledger, through=middle - timedelta(days=1))
    first, last = (whole_of(history, span, ()) for span in (Span(last=middle - timedelta(days=1)), Span(first=middle)))
    whole = whole_of(history, Span(), ())
    assert first.net + last.net == whole.net
    assert summed([first.charges, last.charges]) == whole.charges
    before, after = held_charges(history, middle), held_charges(history, FIRST + timedelta(days=365))
    assert before + last.paid.total == last.charges.total + after
    assert whole_of(early, Span(), ()).net == first.net
    assert before == sum(item.lot.charges for item in early.lots)
