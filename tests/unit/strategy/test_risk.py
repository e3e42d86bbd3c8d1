from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import PARAMETERS
from tradectl.exchange.bands import Band
from tradectl.strategy.risk import Exposure, deny


def asked(
    exposure: Exposure, *, price: int = 10_050, quantity: int = 900, reentry: bool = False, band: Band | None = None
) -> str:
    found = deny(
        exposure,
        PARAMETERS,
        instrument_id="MADE",
        price=price,
        quantity=quantity,
        last_close=10_000,
        band=band,
        reentry=reentry,
    )
    return found.code if found is not None else ""


def test_an_ordinary_buy_is_allowed() -> None:
    assert asked(Exposure(), band=Band(8_000, 12_000)) == ""


@pytest.mark.parametrize(
    ("exposure", "reason"),
    [
        (Exposure(loss=0.03), "daily_loss"),
        (Exposure(loss=0.0299), ""),
        (Exposure(buy_orders=30), "buy_orders"),
        (Exposure(buy_orders=29), ""),
        (Exposure(positions=6), "max_positions"),
        (Exposure(positions=5), ""),
        (Exposure(invested={"MADE": 30_000_000 - 900 * 10_050}), ""),
        (Exposure(invested={"MADE": 30_000_001 - 900 * 10_050}), "symbol_multiple"),
        (Exposure(invested={"OTHER": 10**12}), ""),
    ],
)
def test_each_limit_has_its_edge(exposure: Exposure, reason: str) -> None:
    assert asked(exposure) == reason


@pytest.mark.parametrize(("price", "reason"), [(10_200, ""), (10_205, "limit_distance"), (9_800, ""), (9_795, "limit_distance")])
def test_a_limit_stays_within_two_per_cent_of_the_last_close(price: int, reason: str) -> None:
    assert asked(Exposure(), price=price) == reason


def test_a_limit_outside_the_band_is_denied() -> None:
    assert asked(Exposure(), band=Band(9_000, 10_000)) == "band"


def test_a_reentry_takes_no_slot() -> None:
    assert asked(Exposure(positions=6), reentry=True) == ""


def test_a_loss_limit_of_one_is_off() -> None:
    parameters = replace(PARAMETERS, daily_loss_limit=1)
    found = deny(
        Exposure(loss=1.0),
        parameters,
        instrument_id="MADE",
        price=10_000,
        quantity=1,
        last_close=10_000,
        band=None,
        reentry=False,
    )
    assert found is None
