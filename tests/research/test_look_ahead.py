"""The check for look-ahead finds nothing in the rules as they are, and every rule that was made to peek."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tests.research.studies import silence
from tests.research.world import EAGER
from tradectl import bootstrap
from tradectl.research.backtests import Asked, checked
from tradectl.settings import Settings
from tradectl.strategy import contenders, facts
from tradectl.strategy.backtest import Order, Run
from tradectl.strategy.features import Features
from tradectl.strategy.parameters import Parameters, with_changes
from tradectl.strategy.splits import Span

SPAN = Span(date(2025, 1, 1), date(2025, 6, 30))


def asked_of(invented: Settings) -> Asked:
    market = bootstrap.open_store(invented)
    return Asked(invented, market, "demo", market.universe("demo"), with_changes(Parameters(), EAGER), SPAN)


@pytest.mark.parametrize("capital", [1_000_000_00, None], ids=["one account", "each alone"])
def test_no_decision_knew_the_future(invented: Settings, capital: int | None) -> None:
    found = checked(asked_of(invented), capital, 4, silence)
    assert (found.compared, found.sessions, found.differences) == (12, 4, ())


def see_tomorrows_average(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., Features] = facts.features

    def peeking(*words: Any) -> Features:
        found = honest(*words)
        return replace(found, ema_fast=np.append(found.ema_fast[1:], found.ema_fast[-1]))

    monkeypatch.setattr(facts, "features", peeking)


def buy_before_a_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = contenders.entry_mask

    def peeking(columns: Features, parameters: Parameters) -> Any:
        return honest(columns, parameters) & np.append(columns.close[1:] > columns.close[:-1], False)

    monkeypatch.setattr(contenders, "entry_mask", peeking)


def count_trades_of_the_future(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = contenders.backtest_score
    monkeypatch.setattr(
        contenders,
        "backtest_score",
        lambda trades, as_of, parameters: honest(trades, as_of + timedelta(days=30), parameters),
    )


def ask_for_the_next_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Run.wanted

    def peeking(self: Run, j: int, day: date, *, traded: bool) -> Order | None:
        rises = self.facts.history.close[j + 1] > self.facts.history.close[j]
        return honest(self, j, day, traded=traded) if rises else None

    monkeypatch.setattr(Run, "wanted", peeking)


PEEKS = {
    see_tomorrows_average: "what the rules see",
    buy_before_a_rise: "what is ordered",
    count_trades_of_the_future: "how good it is",
    ask_for_the_next_bar: "a bar was asked for that was not there yet",
}


@pytest.mark.parametrize(("peek", "words"), PEEKS.items(), ids=lambda item: getattr(item, "__name__", ""))
def test_a_rule_that_peeks_is_found(
    peek: Callable[[pytest.MonkeyPatch], None], words: str, invented: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    peek(monkeypatch)
    found = checked(asked_of(invented), 1_000_000_00, 4, silence)
    assert any(words in difference for difference in found.differences), found.differences
