"""Each hole in the data makes `analyze` or `doctor` speak, and none lets a wrong BUY through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tests.integration.cli.test_refused_analyses import ISINS
from tradectl.exchange.sessions import SessionTable

DAYS = [item.date for item in SessionTable.load().run_between(date(2023, 6, 1), date(2024, 1, 5))]
EVENING = ("--at", f"{DAYS[-1]} 19:30")
NAMES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
DIP = 4
"""Sessions of the last fall. Before it prices rise, so that the close stays above the slow EMA while RSI falls."""
EASY = {"universe": "all", "min_bars": "10", "full_bars": "10", "ema_slow": "100", "buy_score": "0", "strong_buy_score": "100"}
"""Settings under which each candidate is a BUY."""
Take = Callable[..., None]


def bars(name: str, days: Sequence[date], *, dips: bool = True, split: bool = False) -> str:
    """Return daily rows of a symbol. `split`: the last bar is at a fifth of the price, as after a split of 5 for 1."""
    lines = []
    for day in days:
        at = DAYS.index(day)
        price = 400 + at + (at % 5 - 2)
        if dips and at >= len(DAYS) - DIP:
            price -= 14 * (at - len(DAYS) + DIP + 1)
        scale = 5 if split and at == len(DAYS) - 1 else 1
        o, h, low, c = (round(value / scale / 0.05) * 0.05 for value in (price + 2, price + 4, price - 4, price))
        lines.append(f"{day},{name},EQ,{o:.2f},{h:.2f},{low:.2f},{c:.2f},900000\n")
    return "".join(lines)


@pytest.fixture
def take(tradectl: Tradectl, tmp_path: Path) -> Take:
    """Import daily rows into a home whose settings make each candidate a BUY."""

    def imported(*parts: str) -> None:
        path, isins = tmp_path / "bars.csv", tmp_path / "EQUITY_L.csv"
        path.write_text("date,symbol,series,open,high,low,close,volume\n" + "".join(parts), encoding="utf-8")
        rows = (f"{name},{name},EQ,01-JAN-2010,10,1,INE{number:03}A01010,10\n" for number, name in enumerate(NAMES))
        isins.write_text(ISINS + "".join(rows), encoding="utf-8")
        assert tradectl("data", "import", str(path), str(isins)).code == 0
        for name, value in EASY.items():
            assert tradectl("config", "set", name, value, *EVENING).code == 0

    return imported


def bought(tradectl: Tradectl) -> list[str]:
    """Return the symbols of the stored signals, which `buy` would follow."""
    return sorted(item["symbol"] for item in tradectl("signals", "--json", *EVENING).object["result"])


def test_whole_data_make_the_buys(tradectl: Tradectl, take: Take) -> None:
    take(*(bars(name, DAYS, dips=name in {"ALPHA", "BRAVO"}) for name in NAMES))
    assert tradectl("analyze", *EVENING).code == 0
    assert bought(tradectl) == ["ALPHA", "BRAVO"]


@pytest.mark.parametrize("lost", [-2, -41, -100])
def test_a_lost_session_buys_nothing(tradectl: Tradectl, take: Take, lost: int) -> None:
    take(*(bars(name, [day for day in DAYS if day != DAYS[lost]]) for name in NAMES))
    said = tradectl("analyze", *EVENING)
    assert (said.code, f"tradectl data fetch --since {DAYS[lost]}" in said.err) == (8, True)
    assert bought(tradectl) == []
    assert tradectl("buy", *EVENING).code == 9
    assert str(DAYS[lost]) in tradectl("doctor", *EVENING).out


def test_a_lost_bar_excludes_its_symbol_alone(tradectl: Tradectl, take: Take) -> None:
    take(bars("ALPHA", [day for day in DAYS if day != DAYS[-41]]), *(bars(name, DAYS) for name in NAMES[1:]))
    said = tradectl("analyze", "--json", *EVENING)
    assert said.object["result"]["by_rule"]["excluded"] == {"missing_bars": 1}
    assert bought(tradectl) == ["BRAVO", "CHARLIE", "DELTA"]


def test_a_lost_split_excludes_its_symbol_alone(tradectl: Tradectl, take: Take) -> None:
    """Without the rule an RSI near 0 makes it the first buy of the evening."""
    take(bars("ALPHA", DAYS, split=True), *(bars(name, DAYS) for name in NAMES[1:]))
    said = tradectl("analyze", "--json", *EVENING)
    assert said.object["result"]["by_rule"]["excluded"] == {"unexplained_jump": 1}
    assert bought(tradectl) == ["BRAVO", "CHARLIE", "DELTA"]
    assert f"ALPHA {DAYS[-1]} unexplained_jump" in tradectl("doctor", *EVENING).out
    assert tradectl("data", "actions", "set", "ALPHA", str(DAYS[-1]), "5", *EVENING).code == 0
    assert tradectl("analyze", "--force", *EVENING).code == 0
    assert "ALPHA" not in [
        item["symbol"] for item in tradectl("data", "actions", "list", "--json", *EVENING).object["result"]["open"]
    ]


def test_a_fetch_of_two_symbols_buys_nothing(tradectl: Tradectl, take: Take) -> None:
    take(bars("ALPHA", DAYS), *(bars(name, DAYS[:-1]) for name in NAMES[1:]))
    assert tradectl("analyze", *EVENING).code == 8
    assert bought(tradectl) == []
