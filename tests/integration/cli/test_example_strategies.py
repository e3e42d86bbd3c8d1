"""The shipped example strategies in `backtest`: each trades, a rotation once a month, a fund only if a rule asks for funds."""

from __future__ import annotations

import shutil
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.integration.cli.conftest import Tradectl
from tests.integration.research.studies import FIRST, LAST, market_in
from tradectl.exchange.sessions import SessionTable

EXAMPLES = ROOT / "tradectl" / "strategy" / "examples"
MEMBERS = "Company Name,Industry,Symbol,Series,ISIN Code\nAn index fund,Invented,NIFTYBEES,EQ,INF204KB14I2\n"
TABLE = SessionTable.load()
SESSIONS = [session.date for session in TABLE.run_between(FIRST, LAST)]
ACCOUNT = ("--portfolio", "--capital", "10,00,000", "--json")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market_in(tmp_path_factory.mktemp("examples")).market


@pytest.fixture
def researcher(home: Path, market: Path, tradectl: Tradectl) -> Tradectl:
    home.mkdir()
    shutil.copytree(market, home / "market")
    shutil.copytree(EXAMPLES, home / "strategies")
    return tradectl


@pytest.mark.parametrize(
    ("name", "least"), [("rsi2-reversion", 30), ("breakout-55-20", 5), ("gap-reversal", 1), ("momentum-12-1", 0)]
)
def test_an_example_trades_and_sees_no_future(researcher: Tradectl, name: str, least: int) -> None:
    said = researcher("backtest", "demo", "--strategy", name, "--look-ahead", "2", *ACCOUNT)
    assert said.code == 0, said.err
    result = said.object["result"]
    assert len(result["trades"]) + len(result["open_lots"]) > least
    assert result["look_ahead"]["differences"] == []


def test_a_rotation_sells_and_buys_once_a_month(researcher: Tradectl, home: Path) -> None:
    """Three months instead of twelve: the leader of the invented companies changes."""
    file = home / "strategies" / "momentum-12-1.toml"
    file.write_text(file.read_text().replace("252", "63").replace("21", "1"))
    words = ("--strategy", "momentum-12-1", "--set", "best=1", "--set", "kept=1", "--look-ahead", "2", *ACCOUNT)
    result = researcher("backtest", "demo", *words).object["result"]
    assert result["look_ahead"]["differences"] == []
    trades = result["trades"]
    assert len({trade["symbol"] for trade in trades}) > 1
    months = [list(days) for _, days in groupby(TABLE.between(FIRST, LAST), key=lambda session: session.date.replace(day=1))]
    bought = {date.fromisoformat(trade["entry_session"]) for trade in trades}
    sold = {date.fromisoformat(trade["exit_session"]) for trade in trades}
    assert bought <= {TABLE.next_run_session(sessions[1].date).date for sessions in months}
    assert sold <= {TABLE.next_run_session(sessions[0].date).date for sessions in months}


def test_a_fund_is_bought_where_the_rule_asks_for_funds(researcher: Tradectl, home: Path, tmp_path: Path) -> None:
    prices = [20_000 + 50 * number for number in range(len(SESSIONS))]
    rows = [
        f"{day},NIFTYBEES,EQ,{price / 100},{price / 100 + 1},{price / 100 - 1},{price / 100},1000000"
        for day, price in zip(SESSIONS, prices, strict=True)
    ]
    (tmp_path / "funds.csv").write_text("\n".join(["date,symbol,series,open,high,low,close,volume", *rows, ""]))
    (tmp_path / "ind_fundslist.csv").write_text(MEMBERS)
    imported = researcher("data", "import", str(tmp_path / "funds.csv"), str(tmp_path / "ind_fundslist.csv"))
    assert imported.code == 0, imported.err
    held = researcher("backtest", "NIFTYBEES", "--strategy", "index-fund", "--look-ahead", "2", "--json").object["result"]
    assert (held["trades"], [lot["symbol"] for lot in held["open_lots"]]) == ([], ["NIFTYBEES"])
    account = researcher("backtest", "funds", "--strategy", "index-fund", "--look-ahead", "2", *ACCOUNT)
    assert [lot["symbol"] for lot in account.object["result"]["open_lots"]] == ["NIFTYBEES"]
    shares = researcher("backtest", "demo", "--strategy", "index-fund", "--look-ahead", "0", "--json").object["result"]
    assert (shares["trades"], shares["open_lots"]) == ([], [])
    file = home / "strategies" / "index-fund.toml"
    file.write_text(file.read_text().replace('securities = "funds"\n', ""))
    refused = researcher("backtest", "NIFTYBEES", "--strategy", "index-fund", "--look-ahead", "0", "--json").object["result"]
    assert (refused["trades"], refused["open_lots"]) == ([], [])
