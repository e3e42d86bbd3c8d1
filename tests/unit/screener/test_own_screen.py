"""The evening decisions of an own strategy on real closes equal those of the backtest, on stored and on provisional bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from tradectl.backtest.context import Span
from tradectl.backtest.symbol_run import SymbolRun
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.store import Store
from tradectl.model.market import ActionKind, Bar
from tradectl.ports import StrategyText
from tradectl.research.backtests import candidates_of
from tradectl.research.rule_books import RuleBook
from tradectl.screener.own_screen import OwnScreen, own_screen, own_screen_alone
from tradectl.screener.readings import Readings
from tradectl.screener.verdicts import ScreenRequest
from tradectl.strategy.column_rules import Rule
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.strategy_forms import strategy_of

PARAMETERS = Parameters()
SPAN = Span(date(2023, 1, 2), date(2023, 12, 29))
DIP = 'entry = "rsi(3) < 30"\nexit = "close > sma(5)"\nscore = "rsi(14)"\n'
RANKED = 'entry = "rank(rsi(5)) <= 12 or close < 0.9 * highest(close, 20)"\nmax_days = 5\n'
TURNOVER = 'entry = "close < sma(200) or volume > 2 * sma(volume, 20)"\nstop = "entry * 0.9"\nsize = "0.5"\n'
TEXTS = {"dip": DIP, "ranked": RANKED, "turnover": TURNOVER}
UNIVERSE = "nifty200"


@pytest.fixture(scope="module")
def store(real_market: Path, sessions: SessionTable) -> Store:
    return Store(real_market, sessions)


@pytest.fixture(scope="module", params=sorted(TEXTS))
def rule(request: pytest.FixtureRequest) -> tuple[str, Rule]:
    return request.param, strategy_of(request.param, "expressions", TEXTS[request.param]).rule()


@pytest.fixture(scope="module")
def decided(store: Store, rule: tuple[str, Rule]) -> Mapping[date, list[str]]:
    """Return the entries of the backtest by session, best first."""
    members = [name for name in store.universe(UNIVERSE) if store.history(name) is not None]
    made = RuleBook(rule[1], store, members)
    found: dict[date, list[tuple[object, str]]] = {}
    for one in candidates_of(store, PARAMETERS, members, SPAN, make_rules=made):
        run = SymbolRun(one.context, SPAN.first, SPAN.last, entries=one.entries)
        for j, rank in one.signals.items():
            day = one.context.history.session(j)
            if run.wanted(j, day, traded=False) is not None:
                found.setdefault(day, []).append((rank, one.context.history.instrument_id))
    return {day: [name for _, name in sorted(items)] for day, items in found.items()}


def asked(store: Store, session: date, bars: Mapping[str, Bar] | None = None) -> ScreenRequest:
    following = store.sessions.next_run_session(session).date
    return ScreenRequest(store.universe(UNIVERSE), session, following, bars, PARAMETERS)


def bought(found: OwnScreen) -> list[str]:
    by_id = {item.instrument_id: item for item in found.close.verdicts}
    assert {name for name, item in by_id.items() if item.verdict == "BUY"} == set(found.ranked)
    return list(found.ranked)


def days(store: Store, every: int) -> list[date]:
    return [item.date for item in store.sessions.run_between(SPAN.first, SPAN.last)][:-1][::every]


@pytest.mark.parametrize("every", [30, pytest.param(12, marks=pytest.mark.slow)])
def test_each_evening_decides_as_the_backtest(
    store: Store, rule: tuple[str, Rule], decided: Mapping[date, list[str]], every: int
) -> None:
    known, buys, rules = Readings(store, PARAMETERS), 0, set[str]()
    for session in days(store, every):
        found = own_screen(store, store.sessions, known, asked(store, session), rule=rule[1])
        assert bought(found) == decided.get(session, []), session
        buys += len(found.ranked)
        rules |= {item.rule for item in found.close.verdicts}
    assert buys > 600 / every
    assert {"entry", "bars"} <= rules  # also a short history


@pytest.mark.parametrize("dates", [2, pytest.param(6, marks=pytest.mark.slow)])
def test_closes_around_a_split_decide_as_the_backtest(
    store: Store, rule: tuple[str, Rule], decided: Mapping[date, list[str]], dates: int
) -> None:
    """The session before an ex-date, that day, and the days whose averages reach over it."""
    splits = {
        action.ex_date
        for name in store.universe(UNIVERSE)
        for action in store.actions(name, SPAN.first, SPAN.last)
        if action.kind in {ActionKind.SPLIT, ActionKind.BONUS}
    }
    known, sessions = Readings(store, PARAMETERS), days(store, 1)
    near = {day for ex_date in sorted(splits)[:dates] for day in sessions if -4 <= (day - ex_date).days <= 1}
    forbidden = 0
    for session in sorted(near):
        found = own_screen(store, store.sessions, known, asked(store, session), rule=rule[1])
        assert bought(found) == decided.get(session, []), session
        forbidden += sum(item.rule == "ex_date" for item in found.close.verdicts)
    assert len(near) > dates
    assert forbidden or rule[0] != "turnover"


def test_provisional_bars_decide_as_the_final_ones(
    store: Store, rule: tuple[str, Rule], decided: Mapping[date, list[str]], sessions: SessionTable
) -> None:
    """The bars of today come from quotes, and no bar of today or later is stored."""
    for session in days(store, 80):
        before = Store(store.folder, sessions, through=sessions.previous_session(session).date)
        bars = {}
        for name in store.universe(UNIVERSE):
            history = store.history(name)
            at = history.index(session) if history is not None else None
            if history is not None and at is not None:
                bars[name] = history.bar(at)
        found = own_screen(before, sessions, Readings(before, PARAMETERS), asked(store, session, bars), rule=rule[1])
        assert bought(found) == decided.get(session, []), session


def test_a_scan_in_its_own_process_has_the_same_verdicts(store: Store, rule: tuple[str, Rule]) -> None:
    session = days(store, 1)[100]
    here = own_screen(store, store.sessions, Readings(store, PARAMETERS), asked(store, session), rule=rule[1])
    text = StrategyText(rule[0], "expressions", TEXTS[rule[0]], "")
    assert repr(own_screen_alone(store, store.sessions, asked(store, session), text)) == repr(here)
