"""The check for look-ahead finds no difference in the rules, and finds every rule with look-ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.integration.research.studies import LAST, silence
from tests.integration.research.world import EAGER
from tradectl import bootstrap
from tradectl.backtest import candidates, context
from tradectl.backtest.context import Span
from tradectl.backtest.look_ahead import MISSING, ORDERED, SCORE, SEEN, TRADED, Engine, look_ahead
from tradectl.backtest.session import SessionResult
from tradectl.backtest.symbol_run import PlannedBuy, SymbolRun
from tradectl.exchange.sessions import Session
from tradectl.marketdata.store import Store
from tradectl.research import look_ahead_checks
from tradectl.research.backtests import BacktestRequest
from tradectl.research.look_ahead_checks import AccountEngine, SymbolsEngine, check_look_ahead
from tradectl.settings import Settings
from tradectl.strategy import reversion
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters, with_changes

SPAN = Span(date(2025, 1, 1), date(2025, 6, 30))


CAPITAL = 1_000_000_00


def request_of(invented: Settings, *, many: bool = True, span: Span = SPAN) -> BacktestRequest:
    market = bootstrap.open_store(invented)
    instruments = market.universe("demo")[: None if many else 1]
    return BacktestRequest(invented, market, "demo", instruments, with_changes(Parameters(), EAGER), span, many)


ENGINES = [
    (True, CAPITAL, "the account"),
    (True, None, "the backtest of a list (3 symbols)"),
    (False, None, "the backtest of one symbol"),
]
each_engine = pytest.mark.parametrize(("many", "capital", "engine"), ENGINES, ids=["account", "list", "symbol"])


@each_engine
def test_no_decision_knew_the_future(invented: Settings, many: bool, capital: int | None, engine: str) -> None:
    found = check_look_ahead(request_of(invented, many=many), capital, 4, silence)
    assert (found.compared, found.sessions, found.differences) == (12 if many else 4, 4, ())
    assert found.engine == engine
    assert {SEEN, ORDERED, TRADED} <= set(found.parts)


@each_engine
def test_before_a_listing_there_is_nothing_to_compare(invented: Settings, many: bool, capital: int | None, engine: str) -> None:
    span = Span(date(2022, 6, 1), date(2023, 3, 31))
    request = request_of(invented, many=many, span=span)
    found = check_look_ahead(request, capital, 100, silence)
    held = [day for day in request.evenings if request.market.history(request.instruments[0]).index(day) is not None]  # type: ignore[union-attr]
    assert (found.sessions, found.differences) == (len(held), ())
    assert len(held) < 100 < len(request.evenings)


@pytest.mark.parametrize("kind", [lambda request: AccountEngine(request, CAPITAL), SymbolsEngine], ids=["account", "symbols"])
def test_on_a_market_without_a_bar_an_engine_has_done_nothing(
    invented: Settings, kind: Callable[[BacktestRequest], Engine[Store]]
) -> None:
    engine, session = kind(request_of(invented)), date(2022, 6, 1)
    assert engine.again(engine.cut(session), session) == {}


def test_of_a_long_list_some_answer_for_all_and_that_is_said(invented: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ahead_checks, "LOOKED_AT", 2)
    found = check_look_ahead(request_of(invented), None, 2, silence)
    assert (found.compared, found.engine, found.differences) == (4, "the backtest of a list (2 of its 3 symbols)", ())


def test_the_next_sessions_ex_date_is_known_on_the_evening(invented: Settings) -> None:
    """A split forbids an entry that all other rules allow."""
    request = request_of(invented)
    split = next(name for name in request.instruments if request.market.actions(name, date.min, date.max))
    (action,) = request.market.actions(split, date.min, date.max)
    evening = request.market.sessions.previous_run_session(action.ex_date).date
    always = {**EAGER, "rsi_entry_above": "100", "rsi_entry_below": "100", "rsi_exit": "1"}
    parameters = with_changes(Parameters(), always)
    engine = SymbolsEngine(dataclasses.replace(request, instruments=(split,), parameters=parameters, span=Span(evening, LAST)))
    assert look_ahead(engine, [evening]).differences == ()


def see_tomorrows_average(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Features] = context.features

    def peeking(*words: Any) -> Features:
        found = honest(*words)
        return dataclasses.replace(found, ema_fast=np.append(found.ema_fast[1:], found.ema_fast[-1]))

    monkeypatch.setattr(context, "features", peeking)


def buy_before_a_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = reversion.entry_mask

    def peeking(columns: Features, parameters: Parameters) -> Any:
        return honest(columns, parameters) & np.append(columns.close[1:] > columns.close[:-1], False)

    monkeypatch.setattr(reversion, "entry_mask", peeking)


def count_trades_of_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = candidates.backtest_score
    monkeypatch.setattr(
        candidates,
        "backtest_score",
        lambda trades, as_of, parameters: honest(trades, as_of + timedelta(days=30), parameters),
    )


def ask_for_the_next_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = SymbolRun.wanted

    def peeking(self: SymbolRun, j: int, day: date, *, traded: bool) -> PlannedBuy | None:
        rises = self.context.history.close[j + 1] > self.context.history.close[j]
        return honest(self, j, day, traded=traded) if rises else None

    monkeypatch.setattr(SymbolRun, "wanted", peeking)


PEEKS = {
    see_tomorrows_average: SEEN,
    buy_before_a_rise: ORDERED,
    count_trades_of_the_future: SCORE,
    ask_for_the_next_bar: MISSING,
}


@pytest.mark.parametrize(("peek", "words"), PEEKS.items(), ids=lambda item: getattr(item, "__name__", ""))
def test_a_rule_that_peeks_is_found(
    peek: Callable[[pytest.MonkeyPatch], None], words: str, invented: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    peek(monkeypatch)
    found = check_look_ahead(request_of(invented), CAPITAL, 4, silence)
    assert any(words in difference for difference in found.differences), found.differences


@pytest.mark.parametrize("ahead", [1, 5])
@pytest.mark.parametrize("unknown", [True, False, None], ids=["taken", "left", "asked for all the same"])
def test_a_symbol_that_peeks_alone_is_found(
    ahead: int, unknown: bool | None, invented: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SymbolRun._decide

    def peeking(self: SymbolRun, j: int, day: date, *, traded: bool) -> None:
        close = self.context.history.close
        inside = j + ahead < len(close) or (unknown is None and day < SPAN.last - timedelta(days=30))
        if close[j + ahead] > close[j] if inside else unknown:
            honest(self, j, day, traded=traded)

    monkeypatch.setattr(SymbolRun, "_decide", peeking)
    found = check_look_ahead(request_of(invented, many=False), None, 5, silence)
    words = ORDERED if unknown is not None else MISSING
    assert any(words in difference for difference in found.differences), found


def test_a_session_that_peeks_is_found(invented: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session, not the decision, looks ahead: it trades at tomorrow's close where that is lower."""
    honest = SymbolRun._book

    def peeking(self: SymbolRun, result: SessionResult, session: Session, *terms: Any) -> None:
        history = self.context.history
        following = min(history.last_index(session.date) + 1, len(history) - 1)
        price = int(history.close[following])
        executions = tuple(replace(item, price=min(item.price, price)) for item in result.executions)
        honest(self, replace(result, executions=executions), session, *terms)

    monkeypatch.setattr(SymbolRun, "_book", peeking)
    found = check_look_ahead(request_of(invented), None, 5, silence)
    assert any(TRADED in difference for difference in found.differences), found
