"""The 112A schedule in the form of its year."""

from __future__ import annotations

import pytest

from tests.unit.tax.made import bought, sold
from tradectl.exchange.rates import LEVIES_ONLY, shipped
from tradectl.model.money import to_paise
from tradectl.tax.account import account_tax
from tradectl.tax.events import Trade
from tradectl.tax.rules import FinancialYear
from tradectl.tax.schedule_112a import columns, name_of, schedule_rows
from tradectl.tax.year import TaxYear, tax_year

FAIR = {"INE000A01010": to_paise("650")}


def year(text: str, trades: list[Trade]) -> TaxYear:
    return tax_year(FinancialYear.parse(text), account_tax(trades, [], FAIR, shipped(LEVIES_ONLY)))


def life(day: str) -> list[Trade]:
    """Return an old lot, and two that were bought after 2018-01-31, all sold on one day."""
    return [
        *(bought("2016-05-04", 10, "100"), bought("2019-05-06", 10, "200"), bought("2020-05-06", 10, "300")),
        sold(day, 30, "900"),
    ]


def test_from_2025_the_later_lots_are_one_row() -> None:
    rows = schedule_rows(year("2025-26", life("2025-09-01")))
    # fees of the sale of 27,000: 0.80 transaction, 0.03 SEBI, 0.20 GST (18 % with 0.27 IPFT); a third is 0.34
    assert rows[0] == (
        "BE", "INE000A01010", "ACME", "10", "900.00", "9000", "6500", "1000", "6500", "650.00", "6500", "0", "6500", "2500",
    )  # fmt: skip
    assert rows[1] == (
        "AE", "INNOTREQUIRD", "CONSOLIDATED", "", "", "18000", "5001", "5001", "0", "0", "0", "1", "5002", "12998",
    )  # fmt: skip
    assert len(rows) == 2
    assert {len(row) for row in rows} == {len(columns(FinancialYear(2025)))} == {14}


def test_2024_25_has_column_1b_and_a_row_for_each_lot() -> None:
    early, late = year("2024-25", life("2024-07-22")), year("2024-25", life("2024-07-23"))
    assert [row[:3] for row in schedule_rows(early)] == [("BE", "BE", "INE000A01010"), *[("AE", "BE", "INE000A01010")] * 2]
    assert [row[1] for row in schedule_rows(late)] == ["AE"] * 3
    assert columns(FinancialYear(2024))[1] == "Share/Unit Transferred(1b)"
    assert {len(row) for row in schedule_rows(late)} == {len(columns(FinancialYear(2024)))} == {15}


def test_the_sums_of_each_row_are_those_of_its_rounded_figures() -> None:
    for row in schedule_rows(year("2023-24", life("2023-09-01"))):
        value, cost, actual, lower, fair, expenses, deductions, balance = (int(row[i]) for i in (5, 6, 7, 8, 10, 11, 12, 13))
        assert (cost, deductions, balance) == (max(actual, lower), cost + expenses, value - deductions)
        assert lower == min(value, fair)


def test_short_gains_are_not_in_the_schedule() -> None:
    assert schedule_rows(year("2025-26", [bought("2025-05-04", 10, "100"), sold("2025-09-01", 10, "900")])) == []


def test_a_buyback_is_not_in_the_schedule() -> None:
    found = year("2025-26", [bought("2020-05-04", 10, "100"), sold("2025-09-01", 10, "900", buyback=True)])
    (bucket,) = found.buckets
    assert schedule_rows(found) == []
    assert (bucket.proceeds, bucket.gain, found.exempt) == (0, -bucket.cost, 0)
    assert found.deemed_dividends == 9000_00


def test_there_is_no_schedule_before_2018_19() -> None:
    with pytest.raises(ValueError, match="2018-19"):
        schedule_rows(year("2017-18", life("2017-09-01")))


def test_a_name_loses_the_characters_that_the_portal_rejects() -> None:
    assert name_of("M&M (DVR)-BE") == "M M DVR BE"
    assert name_of("&") == "UNNAMED"
