"""Surveillance lists: the forms in which NSE publishes them, what is refused, and from when a list counts."""

from __future__ import annotations

import json
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.marketdata.conftest import DAILY, RENAMES, Market, bars
from tradectl.errors import DataError
from tradectl.marketdata.archive import Archive
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.importers.surveillance import parse, recognises
from tradectl.marketdata.importers.surveillance_terms import stage_of
from tradectl.marketdata.store import Store
from tradectl.model.surveillance import Measure, is_excluded

HEADER = (
    "ScripCode,Symbol,Nse Exclusive,Status,Series,GSM,Long_Term_Additional_Surveillance_Measure (Long Term ASM),Unsolicited_SMS,"
    "Insolvency_Resolution_Process(IRP),Short_Term_Additional_Surveillance_Measure (Short Term ASM),Default,ICA,Filler4,Filler5,"
    "Pledge,Add-on_PB,Total Pledge,Social Media Platforms,ESM,Loss making"
)


def indicators(**stages: tuple[int, int, int, int]) -> str:
    """An indicator file: GSM, long-term ASM, short-term ASM and ESM by symbol, 100 for none."""
    lines = [
        f"NA,{symbol},N,A,EQ,{gsm},{long},100,100,{short},100,100,,,100,100,100,100,{esm},100"
        for symbol, (gsm, long, short, esm) in stages.items()
    ]
    return "\n".join([HEADER, *lines]) + "\n"


INDICATORS = indicators(
    GRADED=(0, 100, 100, 100),
    LONG=(100, 2, 100, 100),
    SHORT=(100, 100, 1, 100),
    ENHANCED=(100, 100, 100, 1),
    FREE=(100, 100, 100, 100),
)
ASM = {
    "longterm": {"data": [{"symbol": "LONG", "isin": "INE000A01010", "survCode": "LTASM - II (14)", "asmTime": "28-Nov-2025"}]},
    "shortterm": {"data": [{"symbol": "SHORT", "isin": "INE000B01010", "survCode": "STASM - I (11)", "asmTime": "28-Nov-2025"}]},
}
GSM = [
    {"symbol": "GRADED", "isin": "INE000C01010", "gsmStage": "LXII", "survCode": "IBC - Receipt & GSM 0 (62)"}
    | {"gsmTime": "28-Nov-2025 08:08:02"}
]
ESM = [{"symbol": "ENHANCED", "esmSurvIndicator": "Stage I", "survCode": "ESM - I (34)", "esmTime": "28-Nov-2025"}]
ASM_CSV = """"SR. NO
","SYMBOL
","COMPANY NAME
","ISIN
","ASM STAGE
"
"Long Term"
"1","LONG","Long, and Sons","INE000A01010","LTASM - II (14)"
"Short Term"
"1","SHORT","Short Limited","INE000B01010","STASM - I (11)"
"""
OWN = "dated,measure,symbol,isin,stage\n2025-11-28,gsm,GRADED,,0\n2025-11-28,esm,,,\n"
STORED = "SELECT dated, measure, symbol, stage FROM surveillance ORDER BY measure"


@pytest.mark.parametrize(
    ("name", "content", "stored"),
    [
        (
            "REG1_IND281125.csv",
            INDICATORS,
            [("asm_long", "LONG", "II"), ("asm_short", "SHORT", "I"), ("esm", "ENHANCED", "I"), ("gsm", "GRADED", "0")],
        ),
        ("asm.json", json.dumps(ASM), [("asm_long", "LONG", "II"), ("asm_short", "SHORT", "I")]),
        ("gsm.json", json.dumps(GSM), [("gsm", "GRADED", "0")]),
        ("gsm.json", json.dumps({"data": GSM}), [("gsm", "GRADED", "0")]),
        ("esm.json", json.dumps(ESM), [("esm", "ENHANCED", "I")]),
        ("asm.json", json.dumps(ASM | {"shortterm": {"data": []}}), [("asm_long", "LONG", "II"), ("asm_short", "", "")]),
        ("ASM-28-Nov-2025.csv", ASM_CSV, [("asm_long", "LONG", "II"), ("asm_short", "SHORT", "I")]),
        ("GSM_2025-11-28 (1).csv", "SYMBOL,GSM STAGE\nGRADED,GSM - 0 (99)\n", [("gsm", "GRADED", "0")]),
        ("GSM_2025-11-28.csv", "SYMBOL,GSM STAGE\nNSE:graded-EQ,Stage 0\n", [("gsm", "GRADED", "0")]),
        ("own.csv", OWN, [("esm", "", ""), ("gsm", "GRADED", "0")]),
    ],
)
def test_every_published_form_says_the_same(market: Market, name: str, content: str, stored: list[tuple[str, ...]]) -> None:
    (report,) = market.take(name, content).files
    assert report.kind == "surveillance"
    assert market.rows(STORED) == [("2025-11-28", *row) for row in stored]
    assert not market.take(name, content).changed


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("REG1_IND.csv", INDICATORS, "needs a date, inside it or in its name"),
        ("gsm.csv", "SYMBOL,GSM STAGE\nGRADED,GSM - 0 (99)\n", "needs a date, inside it or in its name"),
        ("REG1_IND281125.csv", INDICATORS.replace("EQ,0,", "EQ,yes,"), "row 2: gsm 'yes' is not a stage"),
        ("REG1_IND281125.csv", INDICATORS.replace("GRADED", "=cmd"), "row 2: symbol '=cmd' is not a symbol"),
        ("ASM_2025-11-28.csv", "SYMBOL,ASM STAGE\nLONG,Stage I\n", "row 2: asm stage 'Stage I': neither"),
        ("own.csv", OWN.replace("gsm", "gsn"), "row 2: measure 'gsn' is not one of gsm, esm, asm_long, asm_short"),
        ("own.csv", OWN.replace("2025-11-28,gsm", "2025-11-31,gsm"), "row 2: dated '2025-11-31' is not a date"),
        ("gsm.json", "[]", "none of NSE's surveillance reports"),
        ("x.json", '{"symbol": 1', "is damaged JSON"),
        ("gsm.json", json.dumps([GSM[0], GSM[0] | {"gsmTime": "27-Nov-2025"}]), "has the dates 2025-11-27 and 2025-11-28"),
        ("gsm.json", json.dumps([GSM[0] | {"symbol": None}]), "entry 1 of gsm: symbol None is not a symbol"),
        ("gsm.json", json.dumps([GSM[0] | {"gsmTime": "soon"}]), "entry 1 of gsm: gsmTime 'soon' is not a date"),
        ("asm.json", json.dumps(ASM | {"longterm": {"data": "LONG"}}), "longterm.data is not a list of entries"),
    ],
)
def test_what_is_not_understood_is_refused(market: Market, name: str, content: str, complaint: str) -> None:
    with pytest.raises(DataError) as told:
        market.take(name, content)
    assert name in str(told.value)
    assert complaint in str(told.value)
    assert market.rows(STORED) == []


@pytest.mark.parametrize(
    ("text", "measure", "stage"),
    [
        ("GSM IV & IBC - Receipt (66)", Measure.GSM, "IV"),
        ("GSM - VI (6)", Measure.GSM, "VI"),
        ("ESM II & GSM 0 (37)", Measure.ESM, "II"),
        ("ESM II & GSM 0 (37)", Measure.GSM, "0"),
        ("GSM STAGE - I", Measure.GSM, "I"),
        ("Stage 2", Measure.SHORT_ASM, "II"),
        ("LXII", Measure.GSM, ""),
        ("IBC - Receipt (60)", Measure.GSM, ""),
    ],
)
def test_a_stage_is_read_from_the_words_and_not_from_the_code(text: str, measure: Measure, stage: str) -> None:
    assert stage_of(text, measure) == stage


SYMBOLS = st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=8, unique=True)
STAGES = st.tuples(*(st.sampled_from(values) for values in ((100, 0, 3), (100, 1, 4), (100, 2), (100, 1))))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_quotes_and_spelling_of_a_list_do_not_matter(tmp_path: Path, data: st.DataObject) -> None:
    stages = {symbol: data.draw(STAGES) for symbol in data.draw(SYMBOLS)}
    head, *rows = indicators(**stages).splitlines()
    shuffled = data.draw(st.permutations(rows))
    quoted = [",".join(f'"{cell}"' for cell in row.split(",")) if data.draw(st.booleans()) else row.lower() for row in shuffled]
    plain, other = tmp_path / "REG1_IND281125.csv", tmp_path / "REG_IND281125.csv"
    plain.write_text("\n".join([head, *rows]) + "\n")
    mark, end = data.draw(st.sampled_from(["", "\ufeff"])), data.draw(st.sampled_from(["\n", "\r\n"]))
    other.write_text(mark + end.join([data.draw(st.sampled_from([head, head.upper()])), *quoted]) + end, newline="")
    first, second = read_source(plain), read_source(other)
    assert recognises(first)
    assert recognises(second)
    assert parse(first).frame.equals(parse(second).frame)


def test_a_list_counts_from_its_date_until_the_next_one(market: Market) -> None:
    market.take("x.csv", DAILY + bars("GRADED", {"2025-11-21": 100, "2025-11-28": 100}))
    market.take("REG1_IND281125.csv", INDICATORS)
    market.take("REG1_IND051225.csv", indicators(GRADED=(100, 100, 100, 100), OTHER=(1, 100, 100, 100)))
    store = market.store()
    assert {day: store.surveillance(date.fromisoformat(day)).excluding("GRADED") for day in ("2025-11-27", "2025-11-28")} == {
        "2025-11-27": "",
        "2025-11-28": "GSM 0 by the list of 2025-11-28",
    }
    assert store.surveillance(date(2025, 12, 4)).excluding("LONG") == "long-term ASM II by the list of 2025-11-28"
    assert store.surveillance(date(2025, 12, 5)).excluding("GRADED") == ""
    spells = store.excluded("GRADED")
    days = [date(2025, 11, 27), date(2025, 11, 28), date(2025, 12, 4), date(2025, 12, 5)]
    assert [is_excluded(spells, day) for day in days] == [False, True, True, False]
    assert store.excluded("SHORT") == ()
    assert store.surveillance(date(2025, 11, 28)).stages("SHORT") == "short-term ASM I"


def test_a_store_of_the_past_does_not_know_later_lists(market: Market) -> None:
    market.take("x.csv", DAILY + bars("GRADED", {"2025-11-21": 100, "2025-11-28": 100}))
    market.take("REG1_IND281125.csv", INDICATORS)
    cut = Store(market.folder, market.sessions, through=date(2025, 11, 27))
    assert cut.excluded("GRADED") == ()
    assert cut.surveillance(date(2025, 11, 28)).lists == {}


def test_what_is_missing_or_old_is_said(market: Market) -> None:
    market.take("x.csv", DAILY + bars("GRADED", {"2025-11-21": 100}))
    assert market.store().surveillance(date(2025, 12, 1)).doubt() == "no list of GSM, ESM, long-term ASM is stored"
    market.take("gsm.json", json.dumps(GSM))
    assert market.store().surveillance(date(2025, 12, 5)).doubt() == "no list of ESM, long-term ASM is stored"
    market.take("REG1_IND291125.csv", INDICATORS)
    assert market.store().surveillance(date(2025, 12, 6)).doubt() == ""
    old = "the newest list is old: GSM of 2025-11-29, ESM of 2025-11-29, long-term ASM of 2025-11-29"
    assert market.store().surveillance(date(2025, 12, 7)).doubt() == old


def test_a_list_of_the_same_date_replaces_the_whole_list(market: Market) -> None:
    market.take("gsm.json", json.dumps([*GSM, GSM[0] | {"symbol": "GONE"}]))
    (report,) = market.take("gsm2.json", json.dumps(GSM)).files
    assert (report.merged.same, report.merged.removed) == (1, 1)
    assert market.rows("SELECT symbol FROM surveillance") == [("GRADED",)]


def test_a_list_that_lost_most_of_its_entries_needs_a_person(market: Market) -> None:
    many = [GSM[0] | {"symbol": f"S{number}"} for number in range(30)]
    market.take("gsm.json", json.dumps(many))
    few = json.dumps([row | {"gsmTime": "01-Dec-2025"} for row in many[:5]])
    with pytest.raises(DataError, match="lacks 25 of the 30 securities of the GSM list of 2025-11-28 "):
        market.take("cut.json", few)
    assert market.take("cut.json", few, accept_content=True).changed


def test_a_share_is_excluded_under_its_name_of_the_day(market: Market) -> None:
    market.take("symbolchange.csv", RENAMES + "ACME LIMITED,GRADED,NEWNAME,2025-12-01\n")
    market.take("x.csv", DAILY + bars("GRADED", {"2025-11-28": 100}) + bars("NEWNAME", {"2025-12-02": 100}))
    market.take("gsm.json", json.dumps(GSM))
    assert market.store().surveillance(date(2025, 12, 2)).excluding("NEWNAME") == "GSM 0 by the list of 2025-11-28"
    assert is_excluded(market.store().excluded("NEWNAME"), date(2025, 12, 2))


def test_an_archive_of_before_gets_the_table(tmp_path: Path) -> None:
    Archive(tmp_path).close()
    with sqlite3.connect(tmp_path / "archive.db") as connection:
        connection.execute("DROP TABLE surveillance")
        connection.execute("PRAGMA user_version = 3")
    Archive(tmp_path).close()
    with sqlite3.connect(tmp_path / "archive.db") as connection:
        assert connection.execute("SELECT count(*) FROM surveillance").fetchone() == (0,)
