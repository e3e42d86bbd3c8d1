"""`analyze` refuses data with holes, derives a damaged panel store anew, and excludes a symbol whose prices do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Tradectl
from tradectl.exchange.sessions import SessionTable

DAYS = [item.date for item in SessionTable.load().run_between(date(2023, 10, 2), date(2024, 1, 5))]
TODAY = DAYS[-1]
EVENING = ("--at", f"{TODAY} 19:30")
NAMES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
ISINS = "SYMBOL,NAME OF COMPANY, SERIES, DATE OF LISTING, PAID UP VALUE, MARKET LOT, ISIN NUMBER, FACE VALUE\n"


def bars(names: Sequence[str], days: Sequence[date], price: float = 500.0) -> str:
    """Lines of a daily file whose prices swing a little."""
    lines = []
    for number, day in enumerate(days):
        close = price * (1 + (number % 7 - 3) / 200)
        for name in names:
            lines.append(
                f"{day},{name},EQ,{close:.2f},{close * 1.01:.2f},{close * 0.99:.2f},{close:.2f},{900_000 + number % 5 * 1000}\n"
            )
    return "".join(lines)


@pytest.fixture
def take(tradectl: Tradectl, tmp_path: Path) -> Any:
    """Import a daily file of these lines into a home whose rules admit what is invented here."""

    def imported(*parts: str) -> None:
        path = tmp_path / "bars.csv"
        path.write_text("date,symbol,series,open,high,low,close,volume\n" + "".join(parts), encoding="utf-8")
        isins = tmp_path / "EQUITY_L.csv"
        rows = (f"{name},{name},EQ,01-JAN-2010,10,1,INE{number:03}A01010,10\n" for number, name in enumerate(NAMES))
        isins.write_text(ISINS + "".join(rows), encoding="utf-8")
        said = tradectl("data", "import", str(path), str(isins))
        assert said.code == 0, said.err
        tradectl("config", "set", "universe", "all", *EVENING)
        tradectl("config", "set", "min_bars", "10", *EVENING)

    return imported


def excluded(tradectl: Tradectl, *words: str) -> dict[str, int]:
    said = tradectl("analyze", "--json", "--force", *EVENING, *words)
    assert said.code == 0, said.err
    found: dict[str, int] = said.object["result"]["by_rule"]["excluded"]
    return found


@pytest.mark.parametrize("lost", [[-2], [-2, -3, -4], [-20], [-60]])
def test_sessions_without_bars_stop_the_evening_and_are_named(tradectl: Tradectl, take: Any, lost: list[int]):
    missing = sorted(DAYS[i] for i in lost)
    take(bars(NAMES, [day for day in DAYS if day not in missing]))
    said = tradectl("analyze", *EVENING)
    assert said.code == 8
    assert ", ".join(map(str, missing)) in said.err
    assert f"`tradectl data fetch --since {missing[0]} --to {missing[-1]}`" in said.err
    take(bars(NAMES, missing))
    assert tradectl("analyze", *EVENING).code == 0


def test_a_session_with_few_of_the_universe_counts_as_missing(tradectl: Tradectl, take: Any):
    take(bars(NAMES, DAYS[:-3] + DAYS[-2:]), bars(NAMES[:1], DAYS[-3:-2]))
    said = tradectl("analyze", *EVENING)
    assert said.code == 8
    assert f"`tradectl data fetch --since {DAYS[-3]} --to {DAYS[-3]} --replace`" in said.err


def test_a_few_symbols_of_today_hide_no_others(tradectl: Tradectl, take: Any):
    """As after `data fetch --symbols ALPHA`, today and the evening before."""
    take(bars(NAMES, DAYS[:-1]), bars(NAMES[:1], DAYS[-1:]))
    said = tradectl("analyze", *EVENING)
    assert (said.code, f"bars of few stocks ({TODAY})" in said.err) == (8, True)
    take(bars(NAMES[1:], DAYS[-1:]))
    assert tradectl("analyze", *EVENING).code == 0


def test_a_few_symbols_of_yesterday_hide_no_others(tradectl: Tradectl, take: Any):
    take(bars(NAMES, DAYS[:-2] + DAYS[-1:]), bars(NAMES[:1], DAYS[-2:-1]))
    said = tradectl("analyze", *EVENING)
    assert (said.code, f"bars of few stocks ({DAYS[-2]})" in said.err) == (8, True)


@pytest.mark.parametrize(("back", "code"), [(99, 8), (100, 8), (101, 0)])
def test_a_session_that_no_indicator_needs_is_named(tradectl: Tradectl, take: Any, back: int, code: int):
    days = [item.date for item in SessionTable.load().run_between(date(2023, 6, 1), TODAY)]
    take(bars(NAMES, [day for day in days if day != days[-1 - back]]))
    said = tradectl("analyze", "--json", *EVENING)
    assert (said.code, str(days[-1 - back]) in said.out) == (code, True)
    if not code:
        assert said.object["result"]["older_gaps"].startswith("1 sessions without bars are left out of the past trades")


def test_a_session_that_is_told_closed_is_no_hole(tradectl: Tradectl, take: Any):
    take(bars(NAMES, DAYS[:-3] + DAYS[-2:]))
    assert tradectl("data", "sessions", "add", str(DAYS[-3]), "--kind", "closed").code == 0
    assert tradectl("analyze", *EVENING).code == 0


def test_a_symbol_with_a_hole_is_excluded_alone(tradectl: Tradectl, take: Any):
    take(bars(NAMES[1:], DAYS), bars(NAMES[:1], DAYS[:-9] + DAYS[-7:]))
    assert excluded(tradectl) == {"missing_bars": 1}
    (why,) = tradectl("why", "ALPHA", "--json", *EVENING).object["result"]
    assert why["reason"].startswith(f"no bar of {DAYS[-8]} (and of 1 more sessions), when others traded")
    (checked,) = [
        item for item in tradectl("data", "check", "--no-indicators", "--json").object["result"] if "missing_bars" in item["kind"]
    ]
    assert [text.split(":")[0] for text in checked["examples"]] == [f"ALPHA {DAYS[-8]}"]


def test_a_symbol_that_was_listed_lately_has_no_hole(tradectl: Tradectl, take: Any):
    take(bars(NAMES[1:], DAYS), bars(NAMES[:1], DAYS[-12:]))
    assert excluded(tradectl).get("missing_bars") is None


@pytest.mark.parametrize("fall", [0.2, 0.5, 0.667, 10.0])
def test_a_split_without_a_text_excludes_its_symbol_at_once(tradectl: Tradectl, take: Any, fall: float):
    take(bars(NAMES[1:], DAYS), bars(NAMES[:1], DAYS[:-1]), bars(NAMES[:1], DAYS[-1:], 500.0 * fall))
    for evening in (f"{TODAY} 16:05", f"{TODAY} 19:30"):
        said = tradectl("analyze", "--json", "--force", "--at", evening)
        assert said.object["result"]["by_rule"]["excluded"] == {"unexplained_jump": 1}
    why = tradectl("why", "ALPHA", *EVENING)
    assert "and no corporate action explains it" in why.out
    ratio = {0.2: "5", 0.5: "2", 0.667: "3/2", 10.0: "1/10"}[fall]
    assert tradectl("data", "actions", "set", "ALPHA", str(TODAY), ratio, *EVENING).code == 0
    said = tradectl("analyze", "--json", "--force", "--at", f"{TODAY} 19:35")
    assert said.object["result"]["by_rule"].get("excluded", {}) == {}


def test_a_damaged_row_is_found_and_the_store_derived_anew(tradectl: Tradectl, take: Any, home: Path):
    take(bars(NAMES, DAYS))
    assert tradectl("analyze", *EVENING).code == 0
    sound = tradectl("why", "ALPHA", "--json", *EVENING).object["result"]
    (path,) = (home / "market").glob("panel-*/close")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 // 4 * 4] ^= 0x40
    path.write_bytes(bytes(content))
    said = tradectl("analyze", "--json", "--force", *EVENING)
    assert said.code == 0
    assert "1 rows of the panel store were damaged" in said.object["result"]["panel_renewed"]
    after = tradectl("why", "ALPHA", "--json", *EVENING).object["result"]
    assert [(item["verdict"], item["inputs"]) for item in after] == [(item["verdict"], item["inputs"]) for item in sound]
    assert "panel_renewed" not in tradectl("analyze", "--json", "--force", *EVENING).object["result"]
