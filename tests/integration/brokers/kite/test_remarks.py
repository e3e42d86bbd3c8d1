"""What a profile tells of an account."""

from __future__ import annotations

from typing import Any

import pytest

from tradectl.brokers.kite.balances import profile_remarks

PROFILE: dict[str, Any] = {
    "exchanges": ["NSE", "BSE"], "products": ["CNC", "MIS"], "meta": {"demat_consent": "consent"},
}  # fmt: skip


def test_an_account_that_can_trade_by_itself_is_fine() -> None:
    assert [item.fine for item in profile_remarks(PROFILE)] == [True, True, True]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"exchanges": ["BSE"]}, "NSE is not among the account's exchanges: BSE"),
        ({"products": []}, "CNC is not among the account's products: "),
        ({"products": None}, "the profile does not report its products"),
        ({"meta": {"demat_consent": "physical"}}, "demat consent is 'physical': sells from demat may need your TPIN"),
        ({"meta": None}, "demat consent is None: sells from demat may need your TPIN"),
    ],
)
def test_what_is_missing_or_not_told_is_to_be_looked_at(change: dict[str, Any], line: str) -> None:
    (odd,) = [item for item in profile_remarks({**PROFILE, **change}) if not item.fine]
    assert odd.text.startswith(line)
