"""Up to which date an imported file is complete: by its name, by its newest date, by the day of its import."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tests.integration.marketdata.conftest import ACTIONS, DAILY, RENAMES, Market, bars
from tests.integration.marketdata.test_surveillance import INDICATORS
from tests.integration.marketdata.test_underlyings import KITE, LOTS
from tests.support.nse_site import action, members, securities
from tradectl.errors import DataError
from tradectl.freshness import read_freshness

SPLIT = action("ACME", date(2026, 11, 27), "Bonus 1:1")
DIVIDEND = "ACME,EQ,2026-10-05,Dividend - Rs 2 Per Share\n"
SHARES_OF_KITE = "1,1,ACME,ACME,0,,0,0.05,1,EQ,NSE,NSE\n"


@pytest.mark.parametrize(
    ("name", "content", "kind", "as_of"),
    [
        ("x.csv", DAILY + bars("ACME", {"2026-11-18": 100, "2026-11-19": 100}), "bars", "2026-11-19"),
        ("a.csv", ACTIONS + DIVIDEND, "corporate_actions", "2026-10-05"),
        ("a.json", json.dumps([SPLIT]), "corporate_actions", "2026-11-20"),  # still to come: the day of the import
        ("CF-CA-equities-01-10-2026-to-12-11-2026.csv", ACTIONS + DIVIDEND, "corporate_actions", "2026-11-12"),
        ("CF-CA-equities-01-10-2026-to-12-12-2026 (1).csv", ACTIONS + DIVIDEND, "corporate_actions", "2026-11-20"),
        ("r.csv", RENAMES + "Acme,OLD,ACME,2026-09-01\n", "symbol_changes", "2026-09-01"),
        ("EQUITY_L.csv", securities(), "securities", "2010-01-01"),
        ("ind_nifty50list.csv", members(), "index:nifty50", "2026-11-20"),
        ("REG1_IND171126.csv", INDICATORS, "surveillance", "2026-11-17"),
        ("fo_mktlots_2026-11-16.csv", LOTS, "derivatives", "2026-11-16"),
        ("kite_2026-11-13.csv", KITE + SHARES_OF_KITE, "instruments:kite", "2026-11-13"),
    ],
)
def test_an_import_records_its_date(market: Market, name: str, content: str | bytes, kind: str, as_of: str) -> None:
    market.take(name, content)
    (found,) = read_freshness(market.folder).values()
    assert (found.kind, found.as_of.isoformat(), found.source) == (kind, as_of, name)


def test_an_older_file_takes_no_record_back(market: Market) -> None:
    market.take("new.csv", ACTIONS + DIVIDEND)
    market.take("old.csv", ACTIONS + DIVIDEND.replace("2026-10", "2025-10"))
    assert read_freshness(market.folder)["corporate_actions"].source == "new.csv"


@pytest.mark.parametrize(("symbols", "as_of"), [(1, "2026-11-18"), (4, "2026-11-18"), (5, "2026-11-20"), (10, "2026-11-20")])
def test_bars_of_a_few_symbols_complete_no_session(market: Market, symbols: int, as_of: str) -> None:
    """Ten symbols have bars up to the 18th; then a file brings two more sessions of some of them."""
    names = [f"SH{number}" for number in range(10)]
    market.take("all.csv", DAILY + "".join(bars(name, {"2026-11-17": 100, "2026-11-18": 100}) for name in names))
    market.take("few.csv", DAILY + "".join(bars(name, {"2026-11-19": 100, "2026-11-20": 100}) for name in names[:symbols]))
    assert read_freshness(market.folder)["bars"].as_of.isoformat() == as_of


def test_shares_of_no_list_do_not_count(market: Market) -> None:
    """A home with a list of five shares has had the whole market; a file of its five shares is complete for it."""
    names = [f"SH{number}" for number in range(60)]
    market.take("all.csv", DAILY + "".join(bars(name, {"2026-11-18": 100}) for name in names))
    market.take("ind_nifty50list.csv", members(names[:50]))
    market.take("own.csv", DAILY + "".join(bars(name, {"2026-11-19": 100}) for name in names[:30]))
    market.take("one.csv", DAILY + bars(names[0], {"2026-11-20": 100}))
    assert read_freshness(market.folder)["bars"].as_of.isoformat() == "2026-11-19"


def test_a_list_of_one_measure_is_no_surveillance_list(market: Market) -> None:
    market.take("own.csv", "dated,measure,symbol,isin,stage\n2026-11-20,gsm,ACME,,0\n")
    assert read_freshness(market.folder) == {}


def test_a_rejected_file_records_nothing(market: Market) -> None:
    with pytest.raises(DataError, match="entry 1: has no exDate; NSE has changed its list"):
        market.take("a.json", json.dumps([{key: value for key, value in SPLIT.items() if key != "exDate"}]))
    assert read_freshness(market.folder) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (json.dumps([SPLIT])[:-9], "is damaged JSON"),
        (json.dumps({"data": {"recDate": 1}, "exDate": 1}), "is JSON without a list of corporate actions"),
        (json.dumps([SPLIT, "x"]), "entry 2: is no corporate action"),
        (json.dumps([SPLIT | {"exDate": "soon"}]), "row 2: ex_date 'soon' is not a date"),
        (json.dumps([SPLIT | {"series": "GS"}]), "has no corporate action of a share with an ex-date"),
    ],
)
def test_a_bad_json_list_is_one_clear_line(market: Market, content: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as failed:
        market.take("a.json", content)
    assert str(failed.value).startswith("a.json")
    assert "\n" not in str(failed.value)


def test_a_json_list_is_read_like_its_csv(market: Market) -> None:
    market.take("x.csv", DAILY + bars("ACME", {"2026-11-18": 100}))
    market.take("a.json", json.dumps({"data": [SPLIT, SPLIT | {"exDate": "-", "subject": "Annual General Meeting"}]}))
    (found,) = market.store().actions("ACME", date(2026, 11, 1), date(2026, 12, 1))
    assert (found.ex_date, found.ratio, found.subject) == (date(2026, 11, 27), 2, "Bonus 1:1")


def test_a_folder_without_an_archive_has_no_record(market: Market) -> None:
    assert read_freshness(market.folder / "nothing") == {}
