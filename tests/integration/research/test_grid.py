"""The settings of a sweep: every combination, or a random sample, as text that `config set` takes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from tradectl.errors import UsageError
from tradectl.research.grid import INERT, Axis, combinations, grid, parse_range, parse_values, sample
from tradectl.strategy.parameters import Parameters

AXES = [Axis("ema_fast", ("5", "9")), Axis("rsi_exit", ("45", "50", "55"))]


def test_every_combination_comes_once_the_last_axis_fastest() -> None:
    assert grid(AXES) == [
        {"ema_fast": "5", "rsi_exit": "45"},
        {"ema_fast": "5", "rsi_exit": "50"},
        {"ema_fast": "5", "rsi_exit": "55"},
        {"ema_fast": "9", "rsi_exit": "45"},
        {"ema_fast": "9", "rsi_exit": "50"},
        {"ema_fast": "9", "rsi_exit": "55"},
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ema_fast=5:15:2", ("5", "7", "9", "11", "13", "15")),
        ("ema_fast=5:10:2", ("5", "7", "9")),
        ("ema_fast=8:10", ("8", "9", "10")),
        ("entry_premium=0:0.2:0.1", ("0", "0.1", "0.2")),
        ("rsi_exit=50:50", ("50",)),
        ("rsi_exit=20:100:40", ("20", "60", "100")),
    ],
)
def test_a_range_has_both_its_ends_and_exact_steps(text: str, values: tuple[str, ...]) -> None:
    assert parse_range(text).values == values


@pytest.mark.parametrize(
    "span", ["100:90", "1:2:0", "1:2:-1", "a:b", "1:2:3:4", "5", "0:NaN", "0:Infinity", "0:100:0.0000001", "90:110"]
)
def test_a_range_that_means_nothing_is_refused(span: str) -> None:
    with pytest.raises(UsageError):
        parse_range(f"rsi_exit={span}")


def test_a_range_of_fractions_without_a_step_is_in_hundredths() -> None:
    values = parse_range("entry_premium=0:0.01").values
    assert len(values) == 101
    assert values[:3] == ("0", "0.0001", "0.0002")
    assert values[-1] == "0.01"


def test_values_that_mean_the_same_are_tried_once() -> None:
    assert parse_values("rsi_exit=50, 50.0,55").values == ("50", "55")


@pytest.mark.parametrize("text", ["rsi_exit", "rsi_exit=x", "rsi_exit=500", "no_such=1", "freeze=sometimes"])
def test_what_config_would_refuse_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_values(text)


@pytest.mark.parametrize("name", sorted(INERT))
def test_a_setting_that_changes_no_trade_cannot_be_swept(name: str) -> None:
    assert name in {item.name for item in fields(Parameters)}
    with pytest.raises(UsageError, match=f"{name} does not change the trades"):
        parse_values(f"{name}=1,2")


def test_a_search_draws_different_combinations_by_its_seed() -> None:
    axes = [parse_range("rsi_exit=40:60"), parse_range("ema_fast=5:15")]
    drawn = sample(axes, 50, np.random.default_rng(3))
    assert drawn == sample(axes, 50, np.random.default_rng(3))
    assert drawn != sample(axes, 50, np.random.default_rng(4))
    assert len({tuple(one.values()) for one in drawn}) == 50
    every = grid(axes)
    assert all(one in every for one in drawn)


def test_a_search_as_large_as_the_grid_is_the_grid() -> None:
    assert sample(AXES, 6, np.random.default_rng(1)) == grid(AXES)


def test_a_search_draws_every_value_about_equally_often() -> None:
    axes = [Axis("ema_fast", ("5", "9")), parse_range("rsi_exit=0:100")]
    low = sum(one["ema_fast"] == "5" for one in sample(axes, 150, np.random.default_rng(8)))
    assert 55 <= low <= 95


def test_a_grid_that_is_too_large_recommends_random() -> None:
    axes = [parse_range(f"{name}=0:100:0.1") for name in ("rsi_exit", "rsi_entry_above", "min_quality")]
    assert combinations(axes) == 1001**3
    with pytest.raises(UsageError, match="--random NUMBER"):
        grid(axes)
    assert len(sample(axes, 5, np.random.default_rng(1))) == 5
