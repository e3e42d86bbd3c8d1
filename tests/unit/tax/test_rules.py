"""The dated rules: each row names its source, and years are read exactly."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.tax.made import bought, sold
from tradectl.errors import UsageError
from tradectl.exchange.rates import ZERODHA
from tradectl.model.money import to_paise
from tradectl.tax.account import account_tax
from tradectl.tax.rules import FinancialYear, all_rules, exemption, months_after, rule
from tradectl.tax.year import tax_year


def test_every_rule_names_its_source() -> None:
    assert [found for found in all_rules() if not found.source] == []


def test_what_the_fact_sheet_doubts_is_marked_unsure() -> None:
    unsure = {(found.item, str(found.since)) for found in all_rules() if found.unsure}
    assert {("charge_dp", "2000-01-01"), ("charge_ipft", "2000-01-01"), ("split", "2000-01-01")} <= unsure
    assert ("buyback", "2026-04-01") in unsure
    assert ("buyback", "2024-10-01") not in unsure


@pytest.mark.parametrize(
    ("day", "rupees"), [("2018-03-31", 0), ("2018-04-01", 100_000), ("2024-04-01", 125_000), ("2026-11-30", 125_000)]
)
def test_the_exemption_is_that_of_the_whole_year(day: str, rupees: int) -> None:
    assert exemption(date.fromisoformat(day)) == rupees * 100


def test_sections_have_new_numbers_from_2026_04_01() -> None:
    assert [rule("section_long", date(2026, month, 1)).value for month in (3, 4)] == ["112A", "198"]
    assert [rule("section_short", date(2026, month, 1)).value for month in (3, 4)] == ["111A", "196"]


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2023-02-28", 12, "2024-02-28"),
        ("2024-07-31", 2, "2024-09-30"),
        ("2024-12-05", 1, "2025-01-05"),
    ],
)
def test_months_are_calendar_months(day: str, months: int, later: str) -> None:
    assert str(months_after(date.fromisoformat(day), months)) == later


@pytest.mark.parametrize("text", ["2025", "2025-27", "25-26", "2025-2026", "2025/26", "२०२५-26"])
def test_another_form_of_a_year_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="financial year"):
        FinancialYear.parse(text)


def test_a_century_ends_like_any_other_year() -> None:
    assert str(FinancialYear.parse("2099-00")) == "2099-00"


def test_gains_fall_into_the_windows_of_advance_tax() -> None:
    days = ("2025-06-15", "2025-06-16", "2025-09-15", "2025-12-15", "2026-03-15", "2026-03-16", "2026-03-31")
    trades = [bought("2025-04-01", 100, "10"), *(sold(day, 1, "20") for day in days)]
    found = tax_year(FinancialYear(2025), account_tax(trades, [], {}, ZERODHA))
    (bucket,) = found.buckets
    gains = {str(gain.disposal.sold): gain.gain for gain in found.gains}
    assert bucket.windows == (
        gains["2025-06-15"],
        gains["2025-06-16"] + gains["2025-09-15"],
        gains["2025-12-15"],
        gains["2026-03-15"],
        gains["2026-03-16"] + gains["2026-03-31"],
    )


def test_long_gains_are_exempt_up_to_the_limit_and_not_below_0() -> None:
    def exempt(price: str) -> int:
        trades = [bought("2020-04-01", 1000, "100"), sold("2025-05-05", 1000, price)]
        return tax_year(FinancialYear(2025), account_tax(trades, [], {}, ZERODHA)).exempt

    assert exempt("900") == to_paise("125000")
    assert exempt("90") == 0
    assert 0 < exempt("150") < to_paise("50000")
