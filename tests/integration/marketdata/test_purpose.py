"""NSE's words for corporate actions, as they are really typed."""

from __future__ import annotations

import csv
from datetime import date
from fractions import Fraction
from math import prod
from pathlib import Path

import pytest

from tradectl.marketdata.action_list import read_actions
from tradectl.marketdata.purpose import Part, read_purpose
from tradectl.model.market import ActionKind as K


def split(ratio: Fraction | int) -> Part:
    return Part(K.SPLIT, Fraction(ratio))


def bonus(ratio: Fraction | int) -> Part:
    return Part(K.BONUS, Fraction(ratio))


def dividend(paise: int) -> Part:
    return Part(K.DIVIDEND, dividend=paise)


@pytest.mark.parametrize(
    ("subject", "parts"),
    [
        ("Face Value Split (Sub-Division) - From Rs 10/- Per Share To Re 1/- Per Share", (split(10),)),
        ("Face Value Split (Sub-Division) - From Rs10/- Per Share To Re 1/- Per Share", (split(10),)),
        ("Face Value Split (Sub-Division) - From Rs 5/- Per Share To Rs 2/- Per Share", (split(Fraction(5, 2)),)),
        ("FV SPLIT RS.10/- TO RS.2/-", (split(5),)),
        ("Face Value Split From Rs.10 To Re.1", (split(10),)),
        # NSE's short forms, in its daily PR files
        ("FVSPLT FRM RS 10 TO RE 1", (split(10),)),
        ("FV SPLT FRM RS 2 TO RE 1", (split(2),)),
        ("BONUS 1:1/FVSPLT FRM RS 10 TO RS 2", (bonus(2), split(5))),
        ("FVSPLT FRM RS 2 TO RS 2", (Part(K.UNKNOWN),)),
        ("FVSPLT FRM RS 1 TO RS 10", (Part(K.UNKNOWN),)),
        ("RHT 3:10 @ PRM RS 90", (Part(K.RIGHTS, offered=Fraction(3, 10)),)),
        ("Face Value Split (Sub-Division) - From Rs 10/- Per Unit To Re 1/- Per Unit", (split(10),)),
        ("Bonus 4:5 (Pursuant To Scheme Of Amalgamation)", (Part(K.UNKNOWN),)),
        ("Consolidation Of Shares From Re 1/- To Rs 10/-", (Part(K.CONSOLIDATION, Fraction(1, 10)),)),
        ("Bonus 1:1", (bonus(2),)),
        ("BONUS 2:1", (bonus(3),)),
        ("Bonus 1:2", (bonus(Fraction(3, 2)),)),
        ("Bonus 1:1 /Dividend- Rs 29 Per Share", (bonus(2), dividend(2900))),
        ("Face Value Split (Sub-Division) - From Rs 10/- To Rs 2/- Per Share / Bonus 1:1", (split(5), bonus(2))),
        ("Demerger", (Part(K.DEMERGER),)),
        ("Scheme Of Arrangement", (Part(K.DEMERGER),)),
        ("Scheme Of Arangement- Bonus - 1 Debenture For 1 Equity Share Held", (Part(K.DEMERGER),)),
        ("Bonus Debentures 1:1", (Part(K.DEMERGER),)),
        ("Dividend - Rs 12.50 Per Share Pursuant To Scheme", (dividend(1250),)),
        ("Rights 1:15 @ Premium Rs 1247", (Part(K.RIGHTS, offered=Fraction(1, 15)),)),
        (
            "Rights - 4:25 Fully Paid Up Shares @ Premium Rs 500/- Per Share / 2:25 Partly Paid Up",
            (Part(K.RIGHTS, offered=Fraction(6, 25)),),
        ),
        ("Interim Dividned - Rs 135 Per Share", (dividend(13500),)),
        ("Interimdividend - Rs 3  Per Share", (dividend(300),)),
        ("Int Div- 2 Per Share (Purpose Revised)", (dividend(200),)),
        ("Interim Dividend Rs  - Rs 2.5 Per Share", (dividend(250),)),
        ("Interim Dividend - Rs. 4 Per Share", (dividend(400),)),
        ("Interim Dividend - 14.50 Per Share", (dividend(1450),)),
        ("Annual General Meeting/Dividend Re- 0.40 Per Share", (dividend(40),)),
        ("Interim Dividend - Re 1 Pr Sh", (dividend(100),)),
        ("Special Dividend Rs -10 Per Share/Interim Dividend Rs - 26 Per Share", (dividend(3600),)),
        ("Interim Dividend - Rs 20 Per Share Special Dividend - Rs 5 Per Share", (dividend(2500),)),
        ("Interim Dividend Rs 6/- Per Share 9purpose Revised)", (dividend(600),)),
        ("Interim Dividend", (dividend(0),)),
        ("DIV-50%", (dividend(0),)),
        ("Annual General Meeting", (Part(K.OTHER),)),
        ("Buy Back", (Part(K.OTHER),)),
        ("Interest Payment", (Part(K.OTHER),)),
        ("", (Part(K.OTHER),)),
    ],
)
def test_a_subject_is_read_into_its_parts(subject: str, parts: tuple[Part, ...]) -> None:
    assert read_purpose(subject) == parts


def test_several_actions_of_one_day_stay_and_equal_rows_are_one() -> None:
    day = date(2025, 6, 16)
    actions = read_actions("X", [(day, "Bonus 4:1"), (day, "Bonus 4:1"), (day, "Face Value Split From Rs 2/- To Re 1/-")])
    assert [(action.kind, action.ratio) for action in actions] == [(K.SPLIT, 2), (K.BONUS, 5)]


KNOWN_DIFFERENCES = {
    # the file's reading marks these itself with `?` and gives them no amount
    ("HINDPETRO", "2018-02-28"): "Interim Dividend - 14.50 Per Share",
    ("TCS", "2018-05-31"): "Bonus 1:1 /Dividend- Rs 29 Per Share",
    ("INDHOTEL", "2018-07-11"): "Annual General Meeting/Dividend Re- 0.40 Per Share",
    ("TATAPOWER", "2018-07-12"): "Dividend Rs - 1.30 Per Share (Date Revised)",
    ("HCLTECH", "2018-08-02"): "Int Div- 2 Per Share (Purpose Revised)",
    ("BPCL", "2018-08-31"): "Annual General Meeting/Dividend Rs- 7 Per Share",
    ("BHARTIARTL", "2018-11-05"): "Interim Dividend Rs - 2.50 Per Share",
    ("BPCL", "2019-02-21"): "Interim Dividend Rs - 11 Per Share",
    ("COLPAL", "2019-04-05"): "Interim Dividend",
    ("HINDPETRO", "2019-06-06"): "Dividend Rs - 9.40 Per Share",
    ("ASIANPAINT", "2019-06-13"): "Dividend Rs -7.65 Per Share",
    ("JSWENERGY", "2019-08-02"): "Annual General Meeting/Dividend Re -1 Per Share",
    ("BRITANNIA", "2019-08-22"): "Scheme Of Arangement- Bonus - 1 Debenture For 1 Equity Share Held",
    ("BRITANNIA", "2021-05-25"): "Scheme Of Arangement- Bonus - 1 Debenture For 1 Equity Share Held",
    ("VEDL", "2022-03-09"): "Interim Dividend",
    ("360ONE", "2022-06-01"): "Interim Dividend Rs - 20 Per Share",
    ("COLPAL", "2024-05-22"): "Special Dividend Rs -10 Per Share/Interim Dividend Rs - 26 Per Share",
    # it took the typing error for a second amount: 6 and 9
    ("HINDZINC", "2018-03-23"): "Interim Dividend Rs 6/- Per Share 9purpose Revised)",
    # it missed the misspelt word, and an amount without Rs
    ("NESTLEIND", "2020-10-29"): "Interim Dividned - Rs 135 Per Share",
    ("TECHM", "2021-07-23"): "Annual General Meeting/Dividend - Rs 15 Per Share Special Dividend 15 Per Share",
    # half a paisa a share: ours are whole paise, rounded half up
    ("HUDCO", "2019-03-20"): "Interim Dividend - Re 0.675 Per Share",
    ("GAIL", "2019-08-08"): "Dividend - Rs 0.885 Per Share",
    ("HUDCO", "2021-09-16"): "Dividend - Rs 1.425 Per Sh",
}
"""Where another's reading of the same texts and ours part, all of them."""


def test_all_real_subjects_are_read_as_another_reader_did(shared_data: Path) -> None:
    ours_of = {"agm": "other", "buyback": "other", "interest": "other"}
    differences = {}
    with (shared_data / "lists" / "corporate_actions.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        parts = read_purpose(row["subject"])
        factor = float(1 / prod(part.ratio for part in parts))
        paid = sum(part.dividend for part in parts)
        kinds = "+".join(sorted(part.kind for part in parts))
        same = kinds == ours_of.get(row["kind"], row["kind"])
        if not (same and abs(factor - float(row["factor"])) < 1e-6 and abs(paid / 100 - float(row["dividend"])) < 1e-9):
            differences[row["symbol"], row["ex_date"]] = row["subject"]
    assert len(rows) == 2186
    assert differences == KNOWN_DIFFERENCES
