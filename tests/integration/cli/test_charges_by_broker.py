"""Whose charges count in a home, and what a backtest says of them and of the lots that are open at its end."""

from __future__ import annotations

import shutil
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Said, Tradectl
from tests.integration.research.studies import market_in
from tests.unit.exchange.test_tariffs import OWN
from tradectl.exchange.charges import day_charges
from tradectl.exchange.rates import shipped
from tradectl.model.moment import at_ist
from tradectl.model.money import to_paise
from tradectl.model.order import Fill, Side

EAGER = ("--set", "rsi_entry_above=45", "--set", "rsi_entry_below=45", "--set", "buy_score=0", "--look-ahead", "0")
STILL_HELD = "2025-03-14"
"""A session of the invented market on which the rules hold two lots."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market_in(tmp_path_factory.mktemp("charged")).market


@pytest.fixture
def researcher(home: Path, made: Path, tradectl: Tradectl) -> Tradectl:
    shutil.copytree(made, home / "market")
    return tradectl


def counted(tradectl: Tradectl) -> tuple[str, Said]:
    said = tradectl("broker", "tables", "--json")
    (name,) = [row["table"] for row in said.object["result"] if row["counts"]]
    return name, said


def live(tradectl: Tradectl, broker: str) -> None:
    assert tradectl("init", "--mode", "live", "--broker", broker).code == 0


def backtested(researcher: Tradectl, *words: str) -> dict[str, Any]:
    said = researcher("backtest", *words, *EAGER, "--json")
    assert said.code == 0, said.err
    found: dict[str, Any] = said.object["result"]
    return found


@pytest.mark.parametrize(
    ("broker", "table"), [("kite", "zerodha"), ("kotak_neo", "kotak_neo"), ("dhan", "dhan"), ("openalgo", "levies_only")]
)
def test_a_live_home_has_the_table_of_its_broker(tradectl: Tradectl, broker: str, table: str) -> None:
    live(tradectl, broker)
    assert counted(tradectl)[0] == table


def test_openalgo_needs_the_name_of_the_broker_behind_it(tradectl: Tradectl) -> None:
    live(tradectl, "openalgo")
    doubt = "openalgo routes orders to another broker: only levies are counted"
    assert doubt in tradectl("broker", "tables").out
    assert doubt in tradectl("doctor").out
    assert tradectl("config", "set", "charges", "dhan").code == 0
    assert counted(tradectl)[0] == "dhan"
    assert doubt not in tradectl("doctor").out


def test_a_live_home_does_not_count_by_another_table(tradectl: Tradectl) -> None:
    live(tradectl, "kite")
    tradectl("config", "set", "charges", "kotak_neo")
    assert counted(tradectl)[0] == "zerodha"
    assert "the setting charges=kotak_neo does not apply in a live home" in tradectl("doctor").out


def test_an_unknown_table_is_refused_where_it_is_set(tradectl: Tradectl) -> None:
    said = tradectl("config", "set", "charges", "groww")
    assert said.code == 2
    assert "there is no table of charges 'groww'" in said.err
    assert counted(tradectl)[0] == "zerodha"


def test_an_own_table_counts_in_backtest_and_simulate(home: Path, researcher: Tradectl) -> None:
    (home / "charges.csv").write_text(OWN)
    plain = backtested(researcher, "demo")
    own = backtested(researcher, "demo", "--set", "charges=angel")
    assert (plain["charges_of"]["title"], own["charges_of"]["title"]) == ("Zerodha", "angel (own table)")
    assert to_paise(own["total"]["charges"]) > to_paise(plain["total"]["charges"])
    assert "Charges are those of angel (own table), by date (`tradectl broker tables`)." in own["notes"]
    words = ("simulate", "--from", "2025-03-10", "--to", "2025-03-21", "--universe", "AMBERWELL", "--no-limits", *EAGER[:6])
    simulated = researcher(*words, "--set", "charges=angel", "--json").object["result"]
    assert (simulated["charges_of"]["table"], simulated["reconciled"]) == ("angel", True)
    alone = backtested(researcher, "AMBERWELL", "--from", "2025-03-10", "--to", "2025-03-21", "--set", "charges=angel")
    assert [trade["charges"] for trade in simulated["trades"]] == [trade["charges"] for trade in alone["trades"]]
    assert simulated["trades"]


def test_a_damaged_own_table_is_one_line(home: Path, researcher: Tradectl) -> None:
    (home / "charges.csv").write_text(OWN.replace("delivery,sell,20", "delivery,sell,lots"))
    said = researcher("backtest", "demo", *EAGER)
    assert said.code == 4
    assert "charges.csv row 6: value 'lots' is not an amount" in said.err


def test_a_damaged_own_table_does_not_stop_a_live_home(home: Path, tradectl: Tradectl) -> None:
    """What is held there must be sold."""
    live(tradectl, "kotak_neo")
    (home / "charges.csv").write_text(OWN.replace("delivery,sell,20", "delivery,sell,lots"))
    for words in (("status",), ("positions",)):
        said = tradectl(*words)
        assert said.code == 0
        assert "charges.csv row 6: value 'lots' is not an amount" in said.err
        assert "until you repair the file, the charges are those of Kotak Neo (Trade API)" in said.err
    assert "row 6: value 'lots'" in tradectl("doctor").out


def test_a_sweep_keeps_the_trades_of_each_table_apart(home: Path, researcher: Tradectl) -> None:
    words = ("sweep", "--universe", "demo", "--set", "rsi_entry_above=44,45", "--jobs", "1", "--no-random-entries", "--json")
    found = []
    for rate in ("10000", "20000"):
        (home / "charges.csv").write_text(OWN.replace("both,10000", f"both,{rate}").replace("both,20,", "both,2000,"))
        assert researcher("config", "set", "charges", "angel").code == 0
        said = researcher(*words)
        assert said.code == 0, said.err
        found.append(to_paise(said.object["result"]["settings"][0]["charges"]))
    assert 0 < found[0] < found[1]
    assert "same charges for every setting" in researcher("sweep", "--universe", "demo", "--set", "charges=dhan,zerodha").err


@pytest.mark.parametrize("words", [("AMBERWELL",), ("demo",), ("demo", "--portfolio")])
def test_open_lots_are_detailed_and_the_text_agrees(researcher: Tradectl, words: tuple[str, ...]) -> None:
    found = backtested(researcher, *words, "--to", STILL_HELD, "--set", "charges=kotak_neo")
    lots = found["open_lots"]
    held = found["open"] if words == ("AMBERWELL",) else sum(item["open"] for item in found["symbols"])
    assert held == sum(lot["quantity"] for lot in lots) > 0
    for lot in lots:
        gross = lot["quantity"] * to_paise(lot["last_price"]) - lot["entry_quantity"] * to_paise(lot["entry_price"])
        assert to_paise(lot["unrealised"]) == gross
        net = gross - to_paise(lot["charges"]) - to_paise(lot["sale_charges"])
        assert to_paise(lot["unrealised_after_charges"]) == net
        assert lot["last_session"] == "2025-03-13", "14 March was a holiday"
    last = to_paise(lots[0]["last_price"])
    day = date.fromisoformat(lots[0]["last_session"])
    whole = [Fill("1", "", Side.SELL, held, last, day, at_ist(day, time(15, 30)))]
    assert sum(to_paise(lot["sale_charges"]) for lot in lots) == day_charges(day, whole, shipped("kotak_neo")).total
    text = researcher("backtest", *words, "--to", STILL_HELD, "--set", "charges=kotak_neo", *EAGER).out
    table = text[text.index("Open at the end") :].splitlines()
    assert [line.split()[:3] for line in table[2 : 2 + len(lots)]] == [
        [lot["symbol"], lot["entry_session"], str(lot["quantity"])] for lot in lots
    ]
    assert f"{len(lots)} lot{'s' * (len(lots) != 1)} open" in text
