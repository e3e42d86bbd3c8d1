"""Decide whether a symbol is in the universe and whether it is bought, for one bar and for whole columns.

An *exclusion* means that a symbol is not traded at all. A *refusal* means that it is not bought now (AVOID). Both give the first
rule that failed. Each rule is written once, in `_admissions` and `_rules`, with operators that work on numbers and arrays.
Undefined values are NaN, and every comparison is False for NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradectl.model.history import History, Ints
from tradectl.model.market import Instrument
from tradectl.model.refusal import Refusal, RefusalCode
from tradectl.model.surveillance import Spells
from tradectl.strategy.features import Features, Liquidity, Reading
from tradectl.strategy.parameters import ArrayValued, Parameters

Mask = NDArray[np.bool_]
Names = NDArray[np.str_]
Rules = tuple[tuple[RefusalCode, Any], ...]
INDIAN_SHARE = "INE"
"""The first letters of the ISIN of an Indian share. Funds have other letters; unknown securities have no ISIN."""


def _admissions(series: Any, share: Any, close: Any, at: Reading | Features | Liquidity, p: Parameters, *, free: Any) -> Rules:
    """Return, for each rule of the universe, its code and whether it holds. Takes numbers or arrays.

    `close`: as traded, in paise. `share`: whether the ISIN is that of a share. `free`: whether no surveillance list excludes it.
    """
    price = close >= p.min_price * 100
    if p.max_price > 0:
        price = price & (close <= p.max_price * 100)
    return (
        (RefusalCode.SERIES, series == "EQ"),
        (RefusalCode.ISIN, share),
        (RefusalCode.SURVEILLANCE, free),
        (RefusalCode.TURNOVER, at.median_turnover >= p.min_turnover * 100),
        (RefusalCode.BARS, at.bars >= p.min_bars),
        (RefusalCode.PRICE, price),
    )


def _rules(close: Any, slow: Any, at: Reading | Features, p: Parameters) -> Rules:
    """Return, for each part of the entry rule, its code and whether it holds, in the order of checking. Numbers or arrays.

    `close` and `slow` (the slow EMA) are the adjusted values of `at`.
    """
    rsi, bars, ratio, quality = at.rsi, at.bars, at.volume_ratio, at.quality
    above, below = close > slow, close <= slow
    oversold = (above & (rsi < p.rsi_entry_above)) | (below & (rsi < p.rsi_entry_below))
    return (
        (RefusalCode.BELOW_EMA200, above | (below & p.allow_below_ema200)),
        (RefusalCode.HISTORY, above | (bars >= p.full_bars)),
        (RefusalCode.RSI, oversold),
        (RefusalCode.VOLUME, ratio >= p.min_volume_ratio),
        (RefusalCode.QUALITY, quality >= p.min_quality),
    )


def exclusion(
    reading: Reading,
    instrument: Instrument,
    parameters: Parameters,
    *,
    free: bool = True,
    isins: tuple[str, ...] = (INDIAN_SHARE,),
) -> Refusal | None:
    """Return why a symbol is outside the universe; None if it is inside. `isins`: the first letters of the ISINs that count.

    Codes: series, isin, surveillance, turnover, bars, price (as traded).
    """
    counts = (instrument.isin or "").startswith(isins)
    rules = _admissions(reading.series, counts, reading.close, reading, parameters, free=free)
    return next((Refusal(code) for code, passed in rules if not passed), None)


def exclusions(
    series: Names, share: Mask, close: Ints, features: Features, parameters: Parameters, *, free: Mask | None = None
) -> Names:
    """Return the codes of `exclusion` for many instruments; '' if an instrument is inside. `close`: as traded, in paise.

    `free`: the instruments that no surveillance list excludes; None means all.
    """
    unwatched = np.ones(len(series), dtype=np.bool_) if free is None else free
    return _first_failed(_admissions(series, share, close, features, parameters, free=unwatched), len(series))


def is_share(isin: str | None) -> bool:
    """Return whether an ISIN is that of a share of an Indian company."""
    return (isin or "").startswith(INDIAN_SHARE)


def refusal(reading: Reading, parameters: Parameters, *, next_session_bars_entry: bool) -> Refusal | None:
    """Return why a symbol is not bought now; None if it is bought.

    Codes: below_ema200, history, rsi, volume, quality, ex_date.
    """
    for code, passed in _rules(reading.close_adjusted, reading.ema_slow_adjusted, reading, parameters):
        if not passed:
            return Refusal(code)
    return Refusal(RefusalCode.EX_DATE) if next_session_bars_entry else None


def refusals(features: Features, parameters: Parameters) -> Names:
    """Return the codes of `refusal` for many instruments; '' if the entry rule holds.

    Ex-dates are not checked: the caller reads them only for the instruments that pass.
    """
    return _first_failed(_rules(features.close, features.ema_slow, features, parameters), len(features.close))


def _first_failed(rules: Rules, count: int) -> Names:
    """Return the code of the first rule that does not hold; '' if all hold."""
    names = np.full(count, "", dtype="<U16")
    for code, passed in reversed(rules):
        names[~passed] = code.value
    return names


def admission_mask(history: History, features: Features | Liquidity, parameters: Parameters, excluded: Spells = ()) -> Mask:
    """Return a mask of the bars on which `exclusion` is None. The ISIN is not checked."""
    share = np.ones(len(history), dtype=np.bool_)
    free = free_of(history.sessions, excluded)
    return _all(_admissions(history.series, share, history.close, features, parameters, free=free))


def free_of(days: Ints, excluded: Spells) -> Mask:
    """Return a mask of the dates (ordinals) that lie in none of the spells."""
    free = np.ones(len(days), dtype=np.bool_)
    for spell in excluded:
        free &= (days < spell.first) | (days >= spell.end)
    return free


def entry_mask(features: Features, parameters: Parameters) -> Mask:
    """Return a mask of the places where the entry rule holds, without the check of ex-dates."""
    return _all(_rules(features.close, features.ema_slow, features, parameters))


def _all(rules: Rules) -> Mask:
    mask: Mask = np.logical_and.reduce([passed for _, passed in rules])
    return mask


def reward_gone(price: Any, ema_level: Any, parameters: Parameters | ArrayValued) -> Any:
    """Return whether a pre-open price is too close to the fast EMA, or above it, for a buy. Takes numbers or arrays.

    `price`: paise. `ema_level`: the fast EMA in rupees at today's scale.
    """
    return price > parameters.amo_cancel_ratio * ema_level * 100
