"""The findings of a sweep follow from the trades and a seed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.integration.research.test_closed_trades import trade
from tradectl.backtest.context import Span
from tradectl.research.closed_trades import ClosedTrades
from tradectl.research.grid import Changes
from tradectl.research.sweep_results import Criterion, Findings, find, ranked, sharpe
from tradectl.research.walk_forward import split

START = date(2024, 1, 1)
DAYS = 3 * 366
SESSIONS = np.array([START.toordinal() + day for day in range(DAYS)])
SPLITS = split(Span(START, START + timedelta(days=DAYS - 1)), 1, 1)


def setting(name: str, results: dict[int, int], instrument: int = 0) -> tuple[Changes, ClosedTrades]:
    """Return a setting whose trades of one day earn these results, by the day of their entry."""
    return {"rsi_exit": name}, ClosedTrades.of_trades({instrument: [trade(day, day + 1, net) for day, net in results.items()]})


def every(step: int, net: int, begin: int = 0, end: int = DAYS - 2) -> dict[int, int]:
    return dict.fromkeys(range(begin, end, step), net)


EARLY = setting("1", every(10, 500, 0, 360) | every(10, -300, 360))
LATE = setting("2", every(10, -200, 0, 360) | every(10, 400, 360))
NEVER = setting("3", {})
OWN = setting("own", every(30, 100))[1]
SETTINGS = [EARLY, LATE, NEVER]


def found(**changes: Any) -> Findings:
    said: dict[str, Any] = {"by": Criterion.NET, "draws": 200, "seed": 5} | changes
    possible = said.pop("possible", None)
    return find(said.pop("settings", SETTINGS), OWN, possible, SESSIONS, said.pop("splits", ()), **said)


def test_the_best_comes_first_and_what_never_traded_last() -> None:
    names = [one.changes["rsi_exit"] for one in ranked(SETTINGS, SESSIONS, Criterion.NET)]
    assert names == ["2", "1", "3"]


def test_of_equals_the_first_named_comes_first() -> None:
    twins = [setting(name, every(10, 100)) for name in ("7", "3", "5")]
    assert [one.changes["rsi_exit"] for one in ranked(twins, SESSIONS, Criterion.NET)] == ["7", "3", "5"]


def test_the_sharpe_ratio_is_free_of_how_much_is_traded() -> None:
    steady, twice = setting("1", every(10, 100)), setting("2", every(10, 200))
    ratios = [one.sharpe for one in ranked([steady, twice], SESSIONS, Criterion.SHARPE)]
    assert ratios[0] == pytest.approx(ratios[1])
    assert sharpe(np.array([1, -1, 1, -1])) == 0
    assert sharpe(np.array([5, 5, 5])) == 0, "nothing to divide by"
    assert sharpe(np.array([3, 1])) == pytest.approx(2 * 252**0.5)


def test_a_span_that_had_no_part_in_the_choice_judges_it() -> None:
    forward = found(splits=SPLITS).walk_forward
    assert forward is not None
    assert [one.changes["rsi_exit"] for one in forward.judged] == ["1", "2", "2"][: len(SPLITS)]
    first = forward.judged[0]
    assert first.train.net > 0 > first.test.net, "what was best in the first year failed in the second"
    assert forward.joined.figures.net == sum(one.test.net for one in forward.judged)
    assert forward.joined.figures.trades == sum(one.test.trades for one in forward.judged)
    first_tested = SPLITS[0].test.first.toordinal()
    assert forward.own.trades == int((OWN.entry >= first_tested).sum())


def test_a_trade_open_at_the_end_of_training_is_not_counted() -> None:
    cut = (SPLITS[0].train.last - START).days
    rich = (
        {"rsi_exit": "9"},
        ClosedTrades.of_trades({0: [trade(cut - 1, cut + 1, 10**7), *[trade(day, day, -50) for day in range(5)]]}),
    )
    plain = setting("8", every(20, 10, 0, 300))
    forward = found(settings=[rich, plain], splits=SPLITS[:1]).walk_forward
    assert forward is not None
    assert forward.judged[0].changes["rsi_exit"] == "8"


def test_random_entries_are_as_many_as_the_best_setting_closed() -> None:
    possible = ClosedTrades.of_trades({0: [trade(day, day + 1, 100) for day in range(0, DAYS - 2, 2)]})
    timing = found(possible=possible).timing
    assert timing is not None
    best = LATE[1]
    assert timing.positions == len(best)
    assert timing.real == int(best.net.sum())
    assert set(timing.drawn.tolist()) == {100 * len(best)}
    assert timing.p == (1 / 201 if timing.real > 100 * len(best) else 1)


def test_entries_no_better_than_random_are_told_from_none() -> None:
    draw = np.random.default_rng(4)
    results = {day: int(net) for day, net in zip(range(0, DAYS - 2, 3), draw.integers(-500, 500, DAYS), strict=False)}
    possible = setting("0", results)[1]
    some = setting("1", {day: results[day] for day in sorted(results)[::4]})
    timing = found(settings=[some], possible=possible).timing
    assert timing is not None
    assert 0.05 < timing.p < 0.95


@pytest.mark.parametrize("by", list(Criterion))
def test_a_steady_gain_is_no_luck_and_a_single_great_one_may_be(by: Criterion) -> None:
    draw = np.random.default_rng(1)
    steady = setting("1", {day: int(draw.integers(100, 900)) for day in range(0, DAYS - 2, 5)})
    lucky = setting("2", {400: 5000, **dict.fromkeys(range(0, 360, 3), -15)})
    assert found(settings=[steady], by=by).luck < 0.02
    assert found(settings=[lucky], by=by).luck > 0.1


def test_a_seed_gives_the_same_findings_question_by_question() -> None:
    possible = ClosedTrades.of_trades({0: [trade(day, day + 1, day) for day in range(0, DAYS - 2, 2)]})
    plain, full, again = found(), found(splits=SPLITS, possible=possible), found(splits=SPLITS, possible=possible)
    assert plain.luck == full.luck == again.luck
    assert plain.sample.final.tolist() == full.sample.final.tolist() == again.sample.final.tolist()
    assert full.timing is not None
    assert again.timing is not None
    assert full.timing.drawn.tolist() == again.timing.drawn.tolist()
    assert found(seed=6).sample.final.tolist() != plain.sample.final.tolist()


def test_positions_of_instruments_are_drawn_apart() -> None:
    both = {"rsi_exit": "1"}, ClosedTrades.of_trades({0: [trade(0, 1, 10)], 2: [trade(0, 1, 20)]})
    possible = ClosedTrades.of_trades({0: [trade(5, 6, 1)], 1: [trade(5, 6, 10)], 2: [trade(5, 6, 100)]})
    timing = found(settings=[both], possible=possible).timing
    assert timing is not None
    assert set(timing.drawn.tolist()) == {101}
    assert timing == replace(timing, positions=2, possible=3, real=30)
