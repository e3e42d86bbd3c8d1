"""Price bands where no data gives them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradectl.exchange.bands import Band, price_band
from tradectl.exchange.ticks import on_tick


def test_a_stock_with_derivatives_has_no_band():
    assert price_band(10000, 5, derivatives=True) is None


def test_the_band_is_twenty_percent_rounded_inward_to_the_tick():
    assert price_band(10000, 5, derivatives=False) == Band(8000, 12000)
    assert price_band(10003, 5, derivatives=False) == Band(8005, 12000)
    assert price_band(100010, 10, derivatives=False) == Band(80010, 120010)


def test_the_band_holds_what_the_session_did_trade():
    assert price_band(10000, 5, derivatives=False, bar_low=7000, bar_high=13000) == Band(7000, 13000)
    assert price_band(10000, 5, derivatives=False, bar_low=9000, bar_high=11000) == Band(8000, 12000)


def test_a_price_of_a_few_paise_has_a_band_that_holds_it():
    band = price_band(5, 5, derivatives=False)
    assert band is not None
    assert band.holds(5)


@given(close=st.integers(1, 10**7), tick=st.sampled_from([1, 5, 10, 50, 100, 500]))
def test_the_band_is_at_most_20_percent_and_holds_the_close(close, tick):
    band = price_band(close, tick, derivatives=False)
    assert band is not None
    assert band.holds(close)
    assert close * 80 <= band.low * 100
    assert band.high * 100 <= close * 120
    assert on_tick(band.low, tick) or band.low == close
    assert on_tick(band.high, tick) or band.high == close
