"""Charges by broker: shipped tables, an operator's own, and that no caller forgets whose they are."""

from __future__ import annotations

import ast
import pickle
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tradectl
from tradectl.errors import ConfigurationError, UncoveredDate
from tradectl.exchange.charge_rows import most_affordable, side_charges
from tradectl.exchange.charges import Lines, buy_charges, day_charges
from tradectl.exchange.rates import LEVIES_ONLY, ZERODHA, Row, Tariff, shipped
from tradectl.exchange.tariffs import named, read_tariffs
from tradectl.model.order import Fill, Side

DAY = date(2026, 11, 27)
HEAD = "broker,since,item,part,side,value,unit,source\n"
OWN = HEAD + (
    "angel,2018-01-01,brokerage,delivery,both,10000,rupees per crore,0.1 %\n"
    "angel,2018-01-01,brokerage_least,delivery,both,5,rupees per order,\n"
    "angel,2018-01-01,brokerage_cap,both,both,20,,Rs 20\n"
    "angel,2018-01-01,brokerage,intraday,both,3000,,0.03 %\n"
    "angel,2018-01-01,dp,delivery,sell,20,,without GST\n"
)


def fill(side: Side, quantity: int, price: int, number: int = 1, day: date = DAY) -> Fill:
    return Fill(str(number), "ACME", side, quantity, price, day, datetime(day.year, day.month, day.day, 5, tzinfo=UTC), number)


def sale(tariff: Tariff, value: int, day: date = DAY) -> Lines:
    return day_charges(day, [fill(Side.SELL, 1, value, day=day)], tariff).sell


def angel(tmp_path: Path, text: str = OWN) -> Tariff:
    (tmp_path / "charges.csv").write_text(text)
    return named(tmp_path / "charges.csv", "angel")


def test_kotaks_depository_charge_has_a_least_of_20_rupees() -> None:
    kotak = shipped("kotak_neo")
    assert sale(kotak, 4_000_000).dp == 2360, "Rs 40,000: 0.04 % is 16, so 20 + GST"
    assert sale(kotak, 10_000_000).dp == 4720, "Rs 1,00,000: 40 + GST"
    assert sale(kotak, 10_000_000).brokerage == 0
    old = date(2024, 6, 3)
    assert (sale(kotak, 10_000_000, old).brokerage, sale(kotak, 500_000, old).brokerage) == (25_000, 2_000)
    assert sale(kotak, 10_000, old).brokerage == 250, "never more than 2.5 % of the value"


@pytest.mark.parametrize("name", ["kotak_neo", "dhan", LEVIES_ONLY])
def test_the_levies_are_the_same_at_every_broker(name: str) -> None:
    for lines, theirs in ((sale(ZERODHA, 10_500_000), sale(shipped(name), 10_500_000)),):
        assert (lines.stt, lines.transaction, lines.ipft, lines.sebi, lines.stamp) == (
            theirs.stt,
            theirs.transaction,
            theirs.ipft,
            theirs.sebi,
            theirs.stamp,
        )
    assert sale(shipped("dhan"), 10_000_000).dp == 1475
    assert sale(shipped(LEVIES_ONLY), 10_000_000).dp == 0


def test_an_operators_table_has_bounded_delivery_brokerage(tmp_path: Path) -> None:
    tariff = angel(tmp_path)
    assert [sale(tariff, value).brokerage for value in (100_000, 1_000_000, 100_000_000)] == [500, 1_000, 2_000]
    assert sale(tariff, 10_000_000).dp == 2360
    assert day_charges(DAY, [fill(Side.BUY, 1, 1_000_000)], tariff).buy.gst == 186, "18 % of 1000 + 31 + 1"
    assert tariff.title == "angel (own table)"


def test_an_own_table_of_a_shipped_name_takes_its_place(tmp_path: Path) -> None:
    text = OWN.replace("angel", "kotak_neo")
    (tmp_path / "charges.csv").write_text(text)
    assert sale(read_tariffs(tmp_path / "charges.csv")["kotak_neo"], 1_000_000).brokerage == 1_000
    assert sale(shipped("kotak_neo"), 1_000_000).brokerage == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Angel,2018-01-01,dp,delivery,sell,1,,", "row 7: broker 'Angel' is not a valid name"),
        ("angel,2018-13-01,dp,delivery,sell,1,,", "row 7: since '2018-13-01' is not a date"),
        ("angel,2020-01-01,fee,delivery,sell,1,,", "row 7: item 'fee' is not one of"),
        ("angel,2020-01-01,dp,delivery,buy,1,,", "row 7: part,side of dp must be delivery,sell, not delivery,buy"),
        ("angel,2020-01-01,dp,delivery,sell,-1,,", "row 7: value '-1' of dp is negative or too large"),
        ("angel,2020-01-01,dp,delivery,sell,ten,,", "row 7: value 'ten' is not an amount"),
        ("angel,2020-01-01,dp,delivery,sell,1.005,,", "row 7: value '1.005' is not an amount"),
        (
            "angel,2020-01-01,brokerage,delivery,both,0.1,percent,",
            "row 7: unit 'percent' of brokerage must be 'rupees per crore'",
        ),
        ("angel,2018-01-01,dp,delivery,sell,1,,", "row 7: dp delivery sell since 2018-01-01 occurs twice"),
        ("angel,2020-01-01,dp,delivery,sell,1", "row 7: has 6 fields, the header 8"),
        ("other,2020-01-01,dp,delivery,sell,1,,", "other has no row brokerage,delivery"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        angel(tmp_path, f"{OWN}{line}\n")
    assert str(tmp_path / "charges.csv") in str(told.value)
    assert complaint in str(told.value)


def test_an_unknown_table_or_an_earlier_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no table of charges 'groww'; the tables are zerodha, kotak_neo, dhan"):
        named(tmp_path / "charges.csv", "groww")
    with pytest.raises(UncoveredDate):
        angel(tmp_path, OWN.replace("2018-01-01,dp", "2024-01-01,dp")).rates(date(2023, 6, 1))
    with pytest.raises(ConfigurationError, match="the first line must be broker,since"):
        angel(tmp_path, OWN.replace("broker,since", "name,since"))


def test_a_table_travels_to_another_process_and_is_equal_there(tmp_path: Path) -> None:
    tariff = angel(tmp_path)
    assert pickle.loads(pickle.dumps(tariff)) == tariff != ZERODHA
    assert repr(tariff) != repr(angel(tmp_path, OWN.replace(",5,", ",6,")))
    assert pickle.loads(pickle.dumps(ZERODHA)) == ZERODHA


TARIFFS = (ZERODHA, shipped("kotak_neo"), shipped("dhan"), Tariff("x", [
    Row("2018-01-01", "brokerage", "delivery", "both", "10000"), Row("2018-01-01", "brokerage_least", "both", "both", "5"),
    Row("2018-01-01", "brokerage_cap", "both", "both", "20"), Row("2018-01-01", "brokerage", "intraday", "both", "3000"),
    Row("2018-01-01", "dp", "delivery", "sell", "3.50"), Row("2018-01-01", "dp_share", "delivery", "sell", "4000"),
    Row("2018-01-01", "brokerage_most", "both", "both", "250000"),
]))  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(TARIFFS), st.sampled_from([date(2019, 5, 2), date(2023, 6, 1), DAY]), st.integers(1, 5_000),
    st.integers(5, 2_000_000), st.sampled_from(list(Side)), st.integers(0, 100_000_000),
)  # fmt: skip
def test_rows_and_quick_sums_are_those_of_the_day(
    tariff: Tariff, day: date, quantity: int, price: int, side: Side, amount: int
) -> None:
    whole = day_charges(day, [fill(side, quantity, price, day=day)], tariff)
    lines = whole.buy if side is Side.BUY else whole.sell
    assert side_charges(side, np.array([quantity * price]), tariff.rates(day)).tolist() == [lines.total]
    if side is Side.BUY:
        assert buy_charges(day, quantity, price, tariff) == lines.total
    (most,) = most_affordable(np.array([amount]), np.array([price]), tariff.rates(day)).tolist()
    assert not most or most * price + buy_charges(day, most, price, tariff) <= amount
    assert (most + 1) * price + buy_charges(day, most + 1, price, tariff) > amount


def test_no_caller_forgets_whose_charges_they_are() -> None:
    """Outside `exchange` every call names the table: Zerodha's rates are never taken because nothing was said."""
    least = {"day_charges": 3, "buy_charges": 4}
    package, forgotten = Path(tradectl.__file__).parent, []
    for file in package.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.parent.name == "exchange" or "_charges(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in least:
                given = len(node.args) + sum(word.arg == "tariff" for word in node.keywords)
                if given < least[node.func.id]:
                    forgotten.append(f"{file.relative_to(package)}:{node.lineno}")
    assert forgotten == []
