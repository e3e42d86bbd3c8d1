"""Charge lines of contract notes, computed by hand over the dates on which rates changed, against the table, to the paisa."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from tradectl.errors import DataError
from tradectl.exchange.rates import ZERODHA
from tradectl.marketdata.importers.source import read_source
from tradectl.model.money import to_paise
from tradectl.model.order import Side
from tradectl.papers.charge_check import compare_lines, sides_of_days
from tradectl.papers.charge_lines import ChargeLine, parse_charge_lines, parse_kite_json
from tradectl.papers.findings import Finding, Outcome, RateChange
from tradectl.papers.rate_changes import rate_changes
from tradectl.tax.events import Trade

NOTES = [
    ("2019-01-15", "BUY", 100_000, "Exchange transaction charges", "3.25"),  # 325 a crore, IPFT 0.01 a crore
    ("2019-01-15", "BUY", 100_000, "SEBI turnover fees", "0.15"),  # 15 a crore
    ("2019-03-29", "SELL", 105_000, "SEBI turnover fees", "0.16"),  # 0.1575
    ("2019-04-01", "SELL", 105_000, "SEBI turnover fees", "0.11"),  # 10 a crore: 0.105
    ("2020-05-29", "BUY", 100_000, "SEBI turnover fees", "0.10"),
    ("2020-06-01", "BUY", 100_000, "SEBI turnover fees", "0.05"),  # 5 a crore
    ("2021-03-31", "SELL", 105_000, "SEBI turnover fees", "0.05"),  # 0.0525
    ("2021-04-01", "SELL", 105_000, "SEBI turnover fees", "0.11"),
    ("2020-06-30", "BUY", 100_000, "Stamp duty", "10.00"),  # the state's rate, both sides
    ("2020-06-30", "SELL", 100_000, "Stamp duty", "10.00"),
    ("2020-07-01", "BUY", 100_000, "Stamp duty", "15.00"),  # 1,500 a crore, buys only
    ("2020-07-01", "SELL", 100_000, "Stamp duty", "0"),
    ("2020-12-31", "SELL", 105_000, "Transaction charges", "3.41"),  # 3.4125
    ("2021-01-01", "SELL", 105_000, "Transaction charges", "3.62"),  # 345 a crore: 3.6225
    ("2022-07-15", "SELL", 105_000, "GST", "0.65"),  # 18 % of 3.62: none on the SEBI fee
    ("2022-07-18", "SELL", 105_000, "IGST", "0.67"),  # 18 % of 3.62 + 0.11
    ("2023-03-31", "BUY", 100_000, "Transaction charges", "3.45"),
    ("2023-04-03", "SELL", 105_000, "Transaction", "3.41"),  # 325 a crore again
    ("2023-04-03", "SELL", 105_000, "IPFT", "0.11"),  # 10 a crore: 0.105
    ("2024-03-28", "BUY", 100_000, "Exchange", "3.35"),  # 3.25 and IPFT 0.10
    ("2024-04-01", "BUY", 100_000, "Exchange", "3.32"),  # 3.22 and 0.10
    ("2024-09-30", "BUY", 100_000, "Exchange", "3.32"),
    ("2024-10-01", "SELL", 105_000, "Exchange", "3.23"),  # 3.1185 and 0.105
    ("2026-02-27", "BUY", 100_000, "Exchange", "3.07"),  # 2.97 and 0.10
    ("2026-03-02", "BUY", 100_000, "Exchange", "3.07"),  # 3.0699 and 0.001
    ("2026-03-02", "BUY", 12_969, "STT", "13"),  # 12.969
    ("2025-06-02", "SELL", 20_750, "Securities Transaction Tax", "21"),  # 20.75
    ("2024-09-30", "SELL", 100_000, "DP charges", "15.93"),  # 13.50 and GST
    ("2024-10-01", "SELL", 100_000, "DP charges", "15.34"),  # 13 and GST
]
"""Day, side, value in rupees, line, amount. 29 lines."""


def trade(number: int, day: str, side: str, rupees: int, *, symbol: str = "") -> Trade:
    name, when = symbol or f"S{number}", date.fromisoformat(day)
    at = datetime.combine(when, time(5), UTC)
    return Trade(f"T{number}", name, name, Side(side), 1, rupees * 100, when, at, order_id=f"O{number}")


def same(symbol: str, _: date) -> str:
    return symbol


def compared(lines: list[ChargeLine], trades: list[Trade]) -> tuple[list[Finding], list[RateChange]]:
    found, pairs = compare_lines("note.csv", lines, sides_of_days(trades, ZERODHA), same, ZERODHA)
    return found, rate_changes(pairs, ZERODHA)


def written(folder: Path, rows: list[str], header: str = "date,symbol,side,line,amount") -> list[ChargeLine]:
    path = folder / "note.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return parse_charge_lines(read_source(path))


def test_29_lines_over_changing_rates_agree_to_the_paisa(tmp_path: Path) -> None:
    rows = [f"{day},S{i},{side},{line},{amount}" for i, (day, side, _, line, amount) in enumerate(NOTES)]
    trades = [trade(i, day, side, value) for i, (day, side, value, _, _) in enumerate(NOTES)]
    found, rates = compared(written(tmp_path, rows), trades)
    stated = [item for item in found if item.outcome is not Outcome.MISSING_THERE]
    assert [(item.key, item.line, item.differences) for item in stated if item.outcome is not Outcome.EQUAL] == []
    assert (len(stated), rates) == (29, [])


@pytest.mark.parametrize("place", range(len(NOTES)))
def test_a_line_that_is_a_paisa_off_is_found(place: int) -> None:
    day, side, value, line, amount = NOTES[place]
    paper = parse(day, side, line, to_paise(amount) + 1)
    (found,) = [item for item in compared([paper], [trade(0, day, side, value)])[0] if item.outcome is not Outcome.MISSING_THERE]
    assert (found.outcome, found.differences[0].by) == (Outcome.DIFFERS, 1)


def parse(day: str, side: str, line: str, paise: int, symbol: str = "S0") -> ChargeLine:
    from tradectl.papers.charge_lines import NAMES
    from tradectl.papers.columns import plain

    return ChargeLine(2, date.fromisoformat(day), symbol, Side(side) if side else None, NAMES[plain(line)], paise)


def test_a_line_of_the_whole_day_is_the_sum_of_its_symbols() -> None:
    trades = [trade(0, "2025-06-02", "BUY", 100_000), trade(1, "2025-06-02", "SELL", 105_000)]
    lines = [
        parse("2025-06-02", "", "exchange", 3_07 + 3_23, symbol=""),
        parse("2025-06-02", "", "stt", 205_00, symbol=""),
        parse("2025-06-02", "", "sebi", 21, symbol=""),
        parse("2025-06-02", "", "stamp", 15_00, symbol=""),
        parse("2025-06-02", "", "gst", 57 + 60, symbol=""),
    ]
    found, _ = compared(lines, trades)
    assert {item.outcome for item in found} == {Outcome.EQUAL}
    assert len(found) == 5


def test_the_paper_and_the_ledger_may_each_lack_a_line() -> None:
    lines = [parse("2025-06-02", "BUY", "stt", 100_00), parse("2025-06-03", "BUY", "stt", 100_00)]
    trades = [trade(0, "2025-06-02", "BUY", 100_000)]
    found, _ = compared(lines, trades)
    assert [(item.outcome, item.line) for item in found if item.session.day == 3] == [(Outcome.MISSING_HERE, "stt")]
    lacking = {item.line for item in found if item.outcome is Outcome.MISSING_THERE}
    assert lacking == {"transaction", "ipft", "sebi", "stamp", "gst"}


def test_parts_of_the_gst_are_added(tmp_path: Path) -> None:
    lines = written(tmp_path, ["2025-06-02,,,CGST,0.29", "2025-06-02,,,SGST,0.28"])
    assert [(line.line, line.amount, line.row) for line in lines] == [("gst", 57, 2)]


def test_the_spelling_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "note.csv"
    path.write_bytes('\ufeffAmount;Line;Trade Date\r\n"1,00,100.50";Stamp Duty;02-Jun-2025\r\n'.encode())
    (line,) = parse_charge_lines(read_source(path))
    assert (line.amount, line.line, line.session) == (100100_50, "stamp", date(2025, 6, 2))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2025-06-02,,,Tea,5", "row 2: line 'Tea' is no charge line"),
        ("2025-06-02,,BUY,STT,5", "row 2: symbol '' is needed with a side"),
        ("2025-06-02,,,STT,-5", "row 2: amount '-5' is negative"),
        ("2025-06-02,,,STT,5.001", "row 2: amount '5.001' has more than two decimals"),
        ("06/02/2025,,,STT,5", "row 2: date '06/02/2025' is not a date"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=r"note\.csv") as refused:
        written(tmp_path, [row])
    assert said in str(refused.value)


# -- rates ----------------------------------------------------------------------------------------------------------------

DAYS = ("2025-06-02", "2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06")


def test_a_new_rate_is_reported_with_its_first_day() -> None:
    trades = [trade(i, day, "BUY", 1_000_000) for i, day in enumerate(DAYS)]
    amounts = [30_70, 30_70, 35_00, 35_00, 35_00]
    lines = [parse(day, "BUY", "exchange", amount, f"S{i}") for i, (day, amount) in enumerate(zip(DAYS, amounts, strict=True))]
    (change,) = compared(lines, trades)[1]
    assert (change.line, str(change.since), str(change.until), str(change.agreed)) == (
        "exchange", "2025-06-04", "2025-06-06", "2025-06-03",
    )  # fmt: skip
    assert (change.theirs, change.ours, change.lines) == ("350", "307", 3)


def test_a_rate_that_comes_and_goes_is_two_changes() -> None:
    trades = [trade(i, day, "BUY", 10_000_000) for i, day in enumerate(DAYS)]
    lines = [parse(day, "BUY", "sebi", 12_00 if i in {1, 3} else 10_00, f"S{i}") for i, day in enumerate(DAYS)]
    found = compared(lines, trades)[1]
    assert [(str(item.since), str(item.until), item.theirs) for item in found] == [
        ("2025-06-03", "2025-06-03", "12"),
        ("2025-06-05", "2025-06-05", "12"),
    ]


def test_a_dp_charge_that_changed_is_an_amount_of_a_symbol() -> None:
    trades = [trade(i, day, "SELL", 50_000) for i, day in enumerate(DAYS)]
    lines = [parse(day, "SELL", "dp", 15_34 if i < 3 else 16_52, f"S{i}") for i, day in enumerate(DAYS)]
    (change,) = compared(lines, trades)[1]
    assert (change.line, str(change.since), change.theirs, change.ours) == ("dp", "2025-06-05", "16.52", "15.34")
    assert "symbol" in change.unit


def test_rounding_alone_is_no_other_rate() -> None:
    trades = [trade(i, day, "BUY", 1_234 + i) for i, day in enumerate(DAYS)]
    lines = [parse(day, "BUY", "stt", 1_00, f"S{i}") for i, day in enumerate(DAYS)]
    assert compared(lines, trades)[1] == []


# -- Kite's JSON ----------------------------------------------------------------------------------------------------------


def kite(side: str = "BUY", quantity: int = 100, price: float = 1000, **charges: float) -> str:
    usual = {
        "transaction_tax": 100.0, "exchange_turnover_charge": 3.0700000000000003, "sebi_turnover_charge": 0.1, "brokerage": 0,
        "stamp_duty": 15, "gst": {"igst": 0.5706, "cgst": 0, "sgst": 0, "total": 0.5706},
    }  # fmt: skip
    order = {"transaction_type": side, "tradingsymbol": "S0", "exchange": "NSE", "quantity": quantity, "price": price}
    return json.dumps({"status": "success", "data": [order | {"charges": usual | charges}]})


def test_kites_own_calculation_is_compared_order_by_order() -> None:
    lines = parse_kite_json("charges.json", kite(), date(2025, 6, 2))
    found, rates = compared(lines, [trade(0, "2025-06-02", "BUY", 100_000)])
    wrong = [item for item in found if item.outcome is not Outcome.EQUAL]
    assert [(item.line, item.differences) for item in wrong if item.line != "order"] == []
    assert [item.differences[0].field for item in wrong] == ["quantity"]  # one share at 100,000 in the ledger
    assert rates == []


def test_kites_other_rate_is_found() -> None:
    lines = parse_kite_json("charges.json", kite(exchange_turnover_charge=3.45), date(2025, 6, 2))
    found, (change,) = compared(lines, [trade(0, "2025-06-02", "BUY", 100_000)])
    assert [item.line for item in found if item.outcome is Outcome.DIFFERS] == ["exchange", "order"]
    assert (change.line, change.theirs, change.ours) == ("exchange", "345", "307")


@pytest.mark.parametrize("text", ["{", "{}", '{"data": [{}]}', '{"data": 5}', "[null]"])
def test_another_json_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not Kite's JSON"):
        parse_kite_json("x.json", text, date(2025, 6, 2))
