"""The bookkeeping of every kind of event, as beancount's own `bean-check` and Debian's `ledger` read it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from beancount.core.data import Open, Transaction
from beancount.loader import load_string

from tests.integration.accounts.conftest import JUNE, MARCH
from tests.support.accounts import CAPITAL, Accounts
from tradectl.accounts.profit_and_loss import Span, whole_of
from tradectl.accounts.trade_history import read_history
from tradectl.ledger.notes import Note
from tradectl.model.market import ActionKind
from tradectl.model.money import to_rupees
from tradectl.report.exports.beancount import beancount, commodity
from tradectl.report.exports.bookkeeping import ACCOUNTS, CASH, CHARGES, GAINS, ROUNDING, SHARES, bookkeeping
from tradectl.report.exports.ledger_cli import ledger_cli


def of_beancount(accounts: Accounts) -> tuple[list[Any], dict[str, Decimal]]:
    """Return the entries, and the balance in rupees of each account, as beancount books them. It must find no error."""
    entries, errors, _ = load_string(beancount(bookkeeping(accounts.ledger)).decode())
    assert errors == []
    balances: Counter[str] = Counter()
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                if posting.units.currency == "INR":
                    balances[posting.account] += posting.units.number
                else:
                    balances[posting.account] += posting.units.number * posting.cost.number
    return entries, dict(balances)


def test_beancount_books_what_the_ledger_has(accounts: Accounts) -> None:
    """Cash, gains, each charge and dividends to the paisa; shares at cost."""
    history = read_history(accounts.ledger)
    whole = whole_of(history, Span(), ())
    _, balances = of_beancount(accounts)
    rupees = {account: str(amount) for account, amount in balances.items()}
    assert rupees[CASH] == to_rupees(accounts.ledger.book.cash())
    assert rupees[GAINS] == to_rupees(-whole.gross)
    assert rupees["Income:Trading:Dividends"] == "-550.00"
    for name, account in CHARGES.items():
        assert balances.get(account, Decimal(0)) == Decimal(to_rupees(getattr(whole.paid, name)))
    cost = sum(item.lot.cost for item in history.lots)
    assert abs(balances[SHARES] - Decimal(cost) / 100) < Decimal("0.01")
    assert abs(balances[ROUNDING]) < Decimal("0.01")


def test_the_real_bean_check_finds_nothing(accounts: Accounts, tmp_path: Path) -> None:
    file = tmp_path / "account.beancount"
    file.write_bytes(beancount(bookkeeping(accounts.ledger)))
    program = Path(sys.executable).with_name("bean-check")
    done = subprocess.run([program, "--no-cache", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file.write_text(file.read_text().replace(f"{CASH}  -100123.74 INR", f"{CASH}  -100123.75 INR"))
    assert subprocess.run([program, "--no-cache", file], capture_output=True, check=False).returncode == 1


HELD = [["3", "3MINDIA"], ["49", "ACME"]]
LEDGER = shutil.which("ledger")


@pytest.mark.skipif(LEDGER is None, reason="the program `ledger` (Debian: apt install ledger) is not installed")
def test_the_real_ledger_has_the_same_balances(accounts: Accounts, tmp_path: Path) -> None:
    assert LEDGER is not None
    file = tmp_path / "account.ledger"
    file.write_bytes(ledger_cli(bookkeeping(accounts.ledger)))

    def asked(*words: str) -> str:
        command = [LEDGER, "--args-only", "--pedantic", "-f", str(file), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    whole = whole_of(read_history(accounts.ledger), Span(), ())
    money = asked("balance", "--flat", "--no-total", "--format", "%A|%T\n", "not", SHARES)
    rows = dict(line.split("|") for line in money.splitlines())
    assert Decimal(rows[CASH].removesuffix(" INR")) == Decimal(accounts.ledger.book.cash()) / 100
    assert Decimal(rows[GAINS].removesuffix(" INR")) == -Decimal(whole.gross) / 100
    for name, account in CHARGES.items():
        assert Decimal(rows.get(account, "0 INR").removesuffix(" INR")) == Decimal(getattr(whole.paid, name)) / 100
    assert [line.split() for line in asked("balance", "--no-total", "--format", "%T\n", SHARES).splitlines()] == HELD
    wrong = file.read_text().replace(f"= {to_rupees(accounts.ledger.book.cash())} INR", "= 1.00 INR")
    file.write_text(wrong)
    done = subprocess.run([LEDGER, "--args-only", "-f", str(file), "bal"], capture_output=True, text=True, check=False)
    assert "Balance assertion off by" in done.stderr


def test_an_empty_account_has_its_capital(empty: Accounts) -> None:
    entries, balances = of_beancount(empty)
    assert balances[CASH] == Decimal(CAPITAL) / 100
    assert {item.account for item in entries if isinstance(item, Open)} == set(ACCOUNTS)


def test_notes_and_facts_are_metadata(accounts: Accounts) -> None:
    history = read_history(accounts.ledger)
    sale = next(item for item in history.trades if item.exit and history.symbols[item.instrument_id] == "M&M")
    assert sale.exit is not None
    text = 'too early: "RSI" \\ said so [2020/01/01]'
    accounts.ledger.notes.add(Note("M&M", text, ("early", "rsi"), sale.exit.at, trade=(sale.entry.trade_id, sale.exit.trade_id)))
    assert b"said so (2020/01/01)" in ledger_cli(bookkeeping(accounts.ledger))
    entries, _ = of_beancount(accounts)
    [found] = [item for item in entries if isinstance(item, Transaction) and item.narration == "SELL 7 M&M"]
    assert (found.meta["note"], found.tags) == (text, frozenset({"early", "rsi"}))
    assert (found.meta["purpose"], found.meta["order"]) == ("rsi_exit", str(sale.exit.order_id))


NAMES = {"ACME": "ACME", "M&M": "M.26M", "BAJAJ-AUTO": "BAJAJ-AUTO", "3MINDIA": "N-3MINDIA", "J&KBANK": "J.26KBANK"}


@pytest.mark.parametrize(("symbol", "name"), NAMES.items(), ids=NAMES)
def test_a_symbol_is_a_commodity_of_beancount(symbol: str, name: str) -> None:
    assert commodity(symbol) == name


def test_a_holding_too_small_for_a_consolidation_is_a_loss(empty: Accounts) -> None:
    empty.buy(MARCH, 3, 1_000_00)
    empty.act(date(2026, 4, 10), ActionKind.CONSOLIDATION, ratio=Fraction(1, 10), cash=2_900_00)
    empty.buy(JUNE, 3, 1_000_00, "BETA")
    _, balances = of_beancount(empty)
    assert (balances[GAINS], balances["Income:Trading:Cash-In-Lieu"]) == (Decimal(3000), Decimal(-2900))
    assert balances[CASH] == Decimal(empty.ledger.book.cash()) / 100
