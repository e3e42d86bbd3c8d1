"""Resampling: known answers, and frequencies that the theory demands."""

from __future__ import annotations

import numpy as np
import pytest

from tradectl.research.resampling import (
    PossiblePositions,
    deepest_fall,
    p_value,
    quantile,
    random_entries,
    reality_check,
    sampled,
    shuffled,
)

RESULTS = np.array([300, -100, -100, 50, -200, 400], dtype=np.int64)


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_deepest_fall_is_from_an_earlier_high_or_the_start() -> None:
    assert deepest_fall(RESULTS) == 350
    assert deepest_fall(np.array([-100, -50, 500])) == 150
    assert deepest_fall(np.array([10, 20])) == 0
    assert deepest_fall(np.array([], dtype=np.int64)) == 0


def test_the_real_result_counts_as_one_of_the_draws() -> None:
    drawn = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert p_value(drawn, 100) == 1 / 10
    assert p_value(drawn, 8) == 3 / 10
    assert p_value(drawn, 0) == 1


def test_another_order_changes_the_way_and_not_the_end() -> None:
    found = shuffled(RESULTS, 500, random())
    assert set(found.final.tolist()) == {350}
    assert found.fall.min() == 200, "the one great loss, whatever the order"
    assert found.fall.max() == 400, "all losses in a row"


def test_another_sample_has_as_many_trades_and_the_same_mean() -> None:
    found = sampled(RESULTS, 4000, random())
    error = RESULTS.std() * np.sqrt(len(RESULTS) / 4000)
    assert abs(found.final.mean() - RESULTS.sum()) < 4 * error
    assert found.final.max() <= 6 * 400
    assert set(sampled(np.full(5, 7), 10, random()).final.tolist()) == {35}


def test_no_trades_come_to_nothing() -> None:
    found = sampled(np.array([], dtype=np.int64), 10, random())
    assert found.at(0.5) == (0, 0)


def test_a_quantile_is_one_of_the_values() -> None:
    values = np.arange(1, 101)
    assert [quantile(values, share) for share in (0.05, 0.5, 0.95)] == [5, 50, 95]


def positions(*rows: tuple[int, int, int, int]) -> PossiblePositions:
    return PossiblePositions(*np.array(rows, dtype=np.int64).T)


APART = positions((0, 1, 2, 10), (0, 3, 4, 20), (0, 5, 6, 40), (2, 1, 9, 1000))


def test_as_many_positions_are_drawn_as_wanted_of_each() -> None:
    every = random_entries(APART, np.array([3, 5, 1]), 50, random())
    assert set(every.tolist()) == {1070}, "all there are of the first, none of the second, the one of the third"
    two = random_entries(APART, np.array([2, 0, 0]), 300, random())
    assert set(two.tolist()) == {30, 50, 60}
    for total in (30, 50, 60):
        assert 70 <= np.count_nonzero(two == total) <= 130, "each pair as likely"


def test_two_positions_of_an_instrument_never_meet() -> None:
    meeting = positions((0, 1, 5, 1), (0, 5, 8, 10), (0, 9, 12, 100))
    assert set(random_entries(meeting, np.array([2]), 200, random()).tolist()) == {101, 110}
    assert set(random_entries(meeting, np.array([9]), 200, random()).tolist()) == {101, 110}


def test_instruments_may_hold_at_the_same_time() -> None:
    both = positions((0, 1, 5, 1), (1, 1, 5, 10))
    assert set(random_entries(both, np.array([1, 1]), 20, random()).tolist()) == {11}


def test_a_seed_gives_the_same_draws() -> None:
    wanted = np.array([2, 0, 1])
    first, second, other = (random_entries(APART, wanted, 30, random(seed)) for seed in (4, 4, 5))
    assert first.tolist() == second.tolist() != other.tolist()


def test_settings_of_constant_earnings_leave_nothing_to_luck() -> None:
    best = reality_check(np.full((40, 3), 500), np.ones(3), 20, 5, random())
    assert set(best.tolist()) == {0.0}


def test_a_block_longer_than_the_span_only_turns_it_round() -> None:
    results = random().integers(-100, 100, (30, 4))
    best = reality_check(results, np.ones(4), 200, 10**9, random())
    assert set(best.tolist()) == {0.0}, "every session once, so every mean is the real one"


def test_a_block_of_one_session_is_the_plain_bootstrap() -> None:
    results = random().integers(-100, 100, (200, 1))
    best = reality_check(results, np.ones(1), 4000, 1, random())
    assert best.std() == pytest.approx(results.std() / np.sqrt(200), rel=0.05)


def p_of(results: np.ndarray, seed: int, draws: int = 199) -> float:
    scale = np.ones(results.shape[1])
    best = float((results.sum(axis=0) / len(results)).max())
    return p_value(reality_check(results, scale, draws, 5, random(seed)), best)


def test_worthless_settings_pass_no_oftener_than_promised() -> None:
    source = random(20261125)
    found = [p_of(source.integers(-1000, 1001, (150, 8)), seed) for seed in range(200)]
    assert 0.03 <= np.mean(np.array(found) <= 0.1) <= 0.17
    assert 0.35 <= np.mean(np.array(found) <= 0.5) <= 0.65


def test_a_setting_that_is_worth_something_is_told_from_luck() -> None:
    results = random(7).integers(-1000, 1001, (500, 20))
    results[:, 13] += 150
    assert p_of(results, 1) < 0.02


def test_the_more_settings_the_less_the_best_one_says() -> None:
    results = random(3).integers(-1000, 1001, (250, 200))
    best = int(results.sum(axis=0).argmax())
    alone, among = p_of(results[:, [best]], 1, 999), p_of(results, 1, 999)
    assert alone < 0.05
    assert among > 0.2
