from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import PARAMETERS
from tradectl.strategy.reentry import level_at_entry, next_level


@pytest.mark.parametrize(("rsi", "level"), [(29.9, 30), (20.0, 30), (19.9, 20), (10.0, 20), (9.9, 10), (35.0, 30)])
def test_an_entry_uses_the_level_of_its_rsi(rsi: float, level: int) -> None:
    assert level_at_entry(rsi, PARAMETERS) == level


@pytest.mark.parametrize(
    ("last", "since", "above", "level"),
    [
        (30, [25.0], True, 0),
        (30, [19.9], True, 20),
        (30, [25.0, 15.0], False, 20),
        (30, [8.0], True, 20),
        (20, [12.0], True, 0),
        (20, [9.0], True, 10),
        (10, [3.0], True, 0),
        (10, [31.0, 29.0], True, 30),
        (10, [31.0, 29.0], False, 0),
        (10, [31.0, 19.0], False, 20),
        (10, [31.0, 7.0], True, 30),
        (20, [30.0, 15.0], True, 0),
        (30, [35.0, 40.0], True, 0),
    ],
)
def test_the_levels_of_a_cycle(last: int, since: list[float], above: bool, level: int) -> None:
    assert next_level(last, since, since[-1], above, PARAMETERS) == level


def test_a_new_cycle_below_the_average_needs_permission() -> None:
    strict = replace(PARAMETERS, allow_below_ema200=False)
    assert next_level(20, [31.0, 15.0], 15.0, False, strict) == 0
    assert next_level(30, [15.0], 15.0, False, strict) == 20


def test_a_level_not_bought_stays_open() -> None:
    assert next_level(30, [18.0], 18.0, True, PARAMETERS) == 20
    assert next_level(30, [18.0, 17.0], 17.0, True, PARAMETERS) == 20
