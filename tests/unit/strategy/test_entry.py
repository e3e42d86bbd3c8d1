from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from tests.support.world import PARAMETERS, reading
from tradectl.model.history import History
from tradectl.model.market import Instrument
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.strategy.entry import admission_mask, entry_mask, exclusion, refusal, reward_gone
from tradectl.strategy.features import Features, features

INSTRUMENT = Instrument("MADE", "MADE", "EQ", "INE000A01010", 5)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"series": "BE"}, "series"),
        ({"median_turnover": 10**9 - 1}, "turnover"),
        ({"median_turnover": 10**9}, ""),
        ({"bars": 249}, "bars"),
        ({"close": 999}, "price"),
        ({"close": 1000, "close_adjusted": 0.5}, ""),
    ],
)
def test_exclusions_name_their_rule(changes: dict[str, object], rule: str) -> None:
    assert str(exclusion(reading(**changes), INSTRUMENT, PARAMETERS) or "") == rule


@pytest.mark.parametrize("isin", [None, "", "INF204KB14I2"])
def test_funds_and_unknown_isins_are_excluded(isin: str | None) -> None:
    assert exclusion(reading(), structs.replace(INSTRUMENT, isin=isin), PARAMETERS) == Refusal(RefusalCode("isin"))


def test_a_greatest_price_is_asked_only_where_it_is_set() -> None:
    assert exclusion(reading(close=10**9), INSTRUMENT, PARAMETERS) is None
    assert exclusion(reading(close=50_001), INSTRUMENT, replace(PARAMETERS, max_price=500)) == Refusal(RefusalCode("price"))


BELOW = {"ema_slow_adjusted": 110.0}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, ""),
        ({"rsi": 30.0}, "rsi"),
        ({"rsi": math.nan}, "rsi"),
        ({**BELOW, "rsi": 19.9}, ""),
        ({**BELOW, "rsi": 20.0}, "rsi"),
        ({"ema_slow_adjusted": 100.0, "rsi": 25.0}, "rsi"),
        ({**BELOW, "rsi": 10.0, "bars": 599}, "history"),
        ({"bars": 599}, ""),
        ({"volume_ratio": 0.49}, "volume"),
        ({"volume_ratio": math.nan}, "volume"),
        ({"quality": 49.9}, "quality"),
    ],
)
def test_refusals_name_their_rule(changes: dict[str, object], rule: str) -> None:
    assert str(refusal(reading(**changes), PARAMETERS, next_session_bars_entry=False) or "") == rule


def test_an_ex_date_bars_entry() -> None:
    assert refusal(reading(), PARAMETERS, next_session_bars_entry=True) == Refusal(RefusalCode("ex_date"))


def test_below_the_slow_average_may_be_forbidden() -> None:
    strict = replace(PARAMETERS, allow_below_ema200=False)
    assert refusal(reading(ema_slow_adjusted=110.0, rsi=5.0), strict, next_session_bars_entry=False) == Refusal(
        RefusalCode("below_ema200")
    )
    assert refusal(reading(), strict, next_session_bars_entry=False) is None


def test_masks_say_what_single_readings_say(real_histories: Mapping[str, History]) -> None:
    chosen = 0
    for bars in list(real_histories.values())[::15]:
        columns = features(bars, PARAMETERS)
        entries, admitted = entry_mask(columns, PARAMETERS), admission_mask(bars, columns, PARAMETERS)
        for i in {*range(0, len(bars), 37), *np.flatnonzero(entries).tolist()}:
            row = columns.reading(bars, i)
            assert bool(entries[i]) is (refusal(row, PARAMETERS, next_session_bars_entry=False) is None)
            assert bool(admitted[i]) is (exclusion(row, INSTRUMENT, PARAMETERS) is None)
        chosen += int(entries.sum())
    assert chosen > 100


def test_a_panel_is_masked_as_its_symbols_are(real_histories: Mapping[str, History]) -> None:
    tables = [features(real_histories[symbol], PARAMETERS) for symbol in ("INFY", "TCS", "ITC")]
    n = min(len(table.close) for table in tables)
    names = Features.__dataclass_fields__
    panel = Features(**{name: np.stack([getattr(table, name)[:n] for table in tables], axis=1) for name in names})
    whole = entry_mask(panel, PARAMETERS)
    for k, table in enumerate(tables):
        assert np.array_equal(whole[:, k], entry_mask(table, PARAMETERS)[:n])


def test_the_reward_is_gone_above_99_per_cent_of_the_average() -> None:
    assert not reward_gone(9_900, 100.0, PARAMETERS)
    assert reward_gone(9_905, 100.0, PARAMETERS)
