"""`pnl`: what a person reads and a program gets; a sum that an accountant can follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.integration.cli.conftest import Tradectl
from tests.support.accounts import CAPITAL, REENTRY, RSI_EXIT, Accounts
from tradectl.ledger.opening import open_database
from tradectl.ledger.schema import fills
from tradectl.ledger.statistics import DayStatistics
from tradectl.ledger.store import Ledger
from tradectl.model.market import ActionKind

MARCH, APRIL, MAY = date(2026, 3, 30), date(2026, 4, 2), date(2026, 5, 4)


@pytest.fixture
def accounts(tradectl: Tradectl, home: Path) -> Iterator[Accounts]:
    """A home with shares bought in one financial year and sold in the next, a dividend, and shares still held."""
    assert tradectl("init", "--mode", "paper", "--capital", "1000000").code == 0
    database = open_database(home / "ledger.db", durable=False)
    user = Accounts(Ledger(database, tradectl("config", "list", "--json").object["user"]))
    user.buy(MARCH, 100, 1_000_00)
    user.act(APRIL, ActionKind.DIVIDEND, cash=550_00)
    user.buy(APRIL, 50, 980_00, purpose=REENTRY)
    user.sell(MAY, 120, 1_100_00)
    user.buy(MAY, 10, 200_00, "BETA")
    user.sell(date(2026, 5, 5), 10, 190_00, "BETA", RSI_EXIT)
    yield user
    database.close()


def test_the_year_of_the_sale_bears_the_charges_of_its_buy(tradectl: Tradectl, accounts: Accounts) -> None:
    """In paise by hand from the stored fills: 100 and 20 of 50 shares of ACME, and 10 of BETA, were sold."""
    bought, again, sold, beta, beta_sold = (row.charges for row in accounts.ledger.book.fills())
    found = tradectl("pnl", "--by", "financial-year", "--json").object["result"]
    old, new = found["rows"]
    assert (old["key"], old["trades"], old["charges"], old["net"], old["percent"]) == ("2025-26", 0, "0.00", "0.00", None)
    assert old["paid"] == f"{bought / 100:.2f}"
    charges = bought + round(again * 20 / 50) + sold + beta + beta_sold
    assert (new["key"], new["trades"], new["winners"]) == ("2026-27", 3, 2)
    assert new["gross"] == "12300.00"  # 100 x 100 + 20 x 120 - 10 x 10
    assert (new["charges"], new["dividends"]) == (f"{charges / 100:.2f}", "550.00")
    assert float(new["net"]) == pytest.approx(12300 - charges / 100)
    assert found["held_charges"]["after"] == f"{(again - round(again * 20 / 50)) / 100:.2f}"


def test_a_span_says_how_paid_and_counted_charges_belong(tradectl: Tradectl, accounts: Accounts) -> None:
    said = tradectl("pnl", "--from", "2026-04-01", "--to", "2026-04-30")
    bought, again, *_ = (row.charges for row in accounts.ledger.book.fills())
    held = (
        f"Charges of shares held before {bought / 100:.2f} + paid {again / 100:.2f} = of the trades 0.00 + of shares still held"
    )
    assert f"{held} {(bought + again) / 100:.2f}." in said.words
    assert said.out.splitlines()[1].split()[:2] == ["2026-04", "0"]


def test_purposes_pair_why_bought_and_why_sold(tradectl: Tradectl, accounts: Accounts) -> None:
    rows = tradectl("pnl", "--by", "purpose", "--json").object["result"]["rows"]
    assert [(row["key"], row["gross"]) for row in rows] == [
        ("entry rsi_exit", "-100.00"),
        ("entry target", "10000.00"),
        ("reentry target", "2400.00"),
    ]
    assert all(row["paid"] is None for row in rows)


def test_one_symbol_and_a_sale_by_hand(tradectl: Tradectl, accounts: Accounts) -> None:
    accounts.sell(date(2026, 5, 6), 30, 1_000_00, purpose=None)
    found = tradectl("pnl", "--by", "purpose", "--symbol", "acme", "--json").object["result"]
    assert (found["symbol"], [row["key"] for row in found["rows"]]) == (
        "ACME",
        ["entry target", "reentry by_hand", "reentry target"],
    )
    assert found["total"]["trades"] == 3


def test_shares_without_a_close_have_no_value(tradectl: Tradectl, accounts: Accounts) -> None:
    found = tradectl("pnl", "--by", "symbol", "--json").object["result"]
    assert [(row["key"], row["unrealised"]) for row in found["rows"]] == [("ACME", None), ("BETA", "0.00")]
    assert found["total"]["unrealised"] is None


@pytest.fixture
def written(accounts: Accounts) -> Callable[..., None]:
    """Write eod's statistics of the fifth of May, right but for the changes."""

    def write(**changes: int) -> None:
        history = accounts.ledger.book.fills(session=date(2026, 5, 5))
        trade = accounts.ledger.book.folded(accounts.ledger.book.positions()[-1].id).trades[-1]
        figures = {"realised": trade.net, "charges": history[0].charges, "trades": 1, "dividends": 0} | changes
        day = DayStatistics(
            date(2026, 5, 5), CAPITAL, 0, CAPITAL, figures["realised"], 1_234_50, figures["charges"],
            figures["dividends"], figures["trades"], 0, 1, 0, CAPITAL, 0.0,
        )  # fmt: skip
        accounts.ledger.statistics.write(day)

    return write


def test_it_agrees_with_eod_or_says_where_it_does_not(tradectl: Tradectl, written: Callable[..., None]) -> None:
    written()
    said = tradectl("pnl", "--by", "week")
    assert "Agrees to the paisa with eod's statistics of 1 session." in said.out
    assert "1,234.50" in said.out
    written(realised=5_00, trades=2, dividends=7_00)
    said = tradectl("pnl")
    assert "DIFFERS from eod's statistics of 1 session" in said.words
    assert "2026-05-05 trades: 1 by the fills, 2 by eod" in said.out
    assert "by the fills, 5.00 by eod" in said.out
    assert "dividends: 0.00 by the fills, 7.00 by eod" in said.out


def test_charges_of_an_earlier_broker_keep_its_lines(tradectl: Tradectl, accounts: Accounts) -> None:
    before = tradectl("pnl", "--json").object["result"]["total"]
    assert tradectl("config", "set", "charges", "kotak_neo").code == 0
    found = tradectl("pnl", "--json").object["result"]
    assert (found["total"], found["charges_of"]["table"]) == (before, "kotak_neo")
    assert "The stored charges differ" not in tradectl("pnl").words


def test_charges_that_no_table_gives_are_named(tradectl: Tradectl, accounts: Accounts) -> None:
    before = tradectl("pnl", "--json").object["result"]["total"]
    with accounts.ledger.database.write() as connection:
        connection.execute(update(fills).where(fills.c.side == "SELL").values(charges=fills.c.charges - 100))
    after = tradectl("pnl", "--json").object["result"]["total"]
    assert (after["charge_lines"]["stt"], after["charge_lines"]["other"]) == (before["charge_lines"]["stt"], "-2.00")
    assert (
        "No table gives some of the stored charges; `not in the table` has the difference from Zerodha" in tradectl("pnl").words
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--by", "year"), "no group is called 'year'; there are day, week, month, financial-year, symbol, purpose"),
        (("--from", "2026-05-01", "--to", "2026-04-01"), "--from 2026-05-01 is after --to 2026-04-01"),
        (("--from", "May"), "'May' is not a date"),
        (("--symbol", "NOSUCH"), "NOSUCH"),
    ],
)
def test_a_mistake_is_one_line(tradectl: Tradectl, accounts: Accounts, words: tuple[str, ...], line: str) -> None:
    said = tradectl("pnl", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert line in said.err


def test_a_home_without_trades_says_so(tradectl: Tradectl) -> None:
    assert "No trades, no charges and no dividends." in tradectl("pnl").out
