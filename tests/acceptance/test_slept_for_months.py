"""A paper home with live prices sleeps for seven months with a waiting buy and open positions: nothing is lost or invented.

The machine wakes at 09:15, before any data of the months are stored. The prices are real; one share is split in between.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.acceptance.program import Row, Said, Server, Tradectl
from tests.lab.cron_machine.exchange import Exchange, Market, served
from tests.support.pinned_clock import pin
from tradectl.settings import parse_moment

SPLIT = "VBL"
UNIVERSE = (SPLIT, "DIXON", "PFC")
SLEPT_AT = "2023-01-31 16:05"
WOKEN_AT = "2023-08-28 09:15"
AWAKE_UNTIL = date(2023, 8, 31)
SESSIONS = 166
"""From January on."""


@dataclass
class Machine:
    """A home and the exchanges that it reaches, on a clock that the test sets."""

    home: Tradectl
    exchange: Exchange
    now: datetime

    def __call__(self, at: str, *words: str) -> Said:
        """Run a command at a moment (IST)."""
        self.now = parse_moment(at)
        return self.home(*words, env={pin.CLOCK: str(pin.seconds_to(self.now))})

    def messages(self) -> list[Row]:
        """Return the messages that were made after the sleep."""
        return self.home.ledger("SELECT kind, title, body FROM outbox WHERE created_at > '2023-08' ORDER BY id")

    def orders(self) -> list[Row]:
        """Return the orders, oldest first."""
        return self.home.ledger("SELECT symbol, side, status, quantity, filled_quantity, price FROM orders ORDER BY id")


@pytest.fixture
def machine(server: Server, shared_data: Path, tmp_path: Path) -> Iterator[Machine]:
    """A home that holds shares, and whose buy of another share waits at the exchange when the machine falls asleep."""
    exchange = Exchange(Market(shared_data, AWAKE_UNTIL, SESSIONS, real_last=AWAKE_UNTIL), lambda: machine.now)
    machine = Machine(Tradectl(tmp_path / "home", server).hooked("unpaced"), exchange, parse_moment("2023-01-27 15:58"))
    with served(exchange):
        machine("2023-01-27 15:58", "init", "--capital", "1000000", "--universe", ",".join(UNIVERSE), "--prices", "yahoo")
        with (machine.home.home / "tradectl.toml").open("a") as file:
            file.write(f'yahoo = "{exchange.url}"\n')
        machine("2023-01-27 15:58", "schedule", "disable", "prices")
        take(machine, "2023-01-27 15:59", shared_data, "2023-01-25")
        for at in ("2023-01-27 16:00", "2023-01-27 16:05"):
            machine(at, "run-due")
        take(machine, "2023-01-27 19:00", shared_data, "2023-01-27", first="2023-01-26")
        for at in ("2023-01-30 09:05", "2023-01-30 09:15", "2023-01-30 13:00"):
            machine(at, "run-due")
        take(machine, "2023-01-30 19:00", shared_data, "2023-01-30", first="2023-01-28")
        for at in ("2023-01-31 16:00", SLEPT_AT):
            machine(at, "run-due")
        yield machine


def take(machine: Machine, at: str, data: Path, last: str, shares: Sequence[str] = UNIVERSE, first: str = "") -> None:
    """Import what a person could have downloaded on a day: bars from `first` to `last`, and corporate actions."""
    folder = machine.home.home.with_name(f"downloads-{at.replace(' ', '-')}")
    folder.mkdir()
    wanted = (row for row in history(data) if first <= row[:10] <= last and row.split(",")[1] in shares)
    (folder / "bars.csv").write_text("".join(["date,symbol,series,open,high,low,close,volume\n", *wanted]))
    name = f"CF-CA-equities-01-01-2018-to-{date.fromisoformat(last):%d-%m-%Y}.csv"
    shutil.copy(data / "lists" / "corporate_actions.csv", folder / name)
    if not first:
        shutil.copy(data / "lists" / "EQUITY_L.csv", folder)
    said = machine(at, "data", "import", str(folder))
    assert said.code == 0, said.err


@cache
def history(data: Path) -> list[str]:
    """Return the rows of the universe's bars."""
    found = []
    for year in range(2018, 2024):
        with gzip.open(data / "daily" / f"nse-daily-{year}.csv.gz", "rt") as rows:
            found += [row for row in rows if row.split(",", 2)[1] in UNIVERSE]
    return found


def test_a_long_sleep_loses_and_invents_nothing(machine: Machine, shared_data: Path) -> None:
    home, asleep = machine.home, machine.orders()
    assert [row["status"] for row in asleep if row["symbol"] == SPLIT] == ["PENDING"]

    woken = machine(WOKEN_AT, "run-due")
    assert woken.code == 8
    assert "nothing ran in the sessions from 2023-02-01 to 2023-08-25, and their bars are not stored" in woken.err
    assert "`tradectl prices --force`" in woken.err
    assert machine.orders() == asleep  # an end that is not known is not invented
    missed = [row["title"] for row in machine.messages() if row["kind"] == "missed_slot"]
    assert missed == ["1964 missed"]
    assert len(machine.messages()) <= 4

    take(machine, "2023-08-28 09:20", shared_data, "2023-08-25", [SPLIT], "2023-01-31")
    partly = machine("2023-08-28 09:21", "run-due")
    assert partly.code == 11
    assert "the last bar is of 2023-01-30, too old for a price of today" in partly.err
    held = {row["symbol"]: row for row in home.ledger("SELECT * FROM positions WHERE status = 'open'")}
    assert set(held) >= set(UNIVERSE) - {SPLIT}  # a price of January sells nothing in August

    take(machine, "2023-08-28 09:23", shared_data, "2023-08-25", ("DIXON", "PFC"), "2023-01-31")
    machine("2023-08-28 09:24", "run-due")
    machine("2023-08-28 18:00", "run-due")
    orders = machine.orders()
    assert {row["status"] for row in orders} <= {"EXECUTED", "CANCELLED"}
    [bought] = home.ledger("SELECT quantity, session_date FROM fills WHERE symbol = ? AND side = 'BUY'", SPLIT)
    assert (bought["quantity"], bought["session_date"]) == (86, "2023-02-01")
    [sold] = home.ledger("SELECT sum(quantity) AS shares FROM fills WHERE symbol = ? AND side = 'SELL'", SPLIT)
    assert sold["shares"] == 2 * bought["quantity"]  # split 2:1 on 2023-06-15
    assert_books_are_equal(home)
    said = machine("2023-08-28 18:01", "reconcile", "--json")
    assert (said.code, said.object["result"]["agrees"]) == (0, True)
    assert len(machine.messages()) <= 20


def assert_books_are_equal(home: Tradectl) -> None:
    """Assert that positions, fills and the exchange's lots and trades agree."""
    trades = home.exchange("SELECT trade_id, symbol, side, quantity, price FROM trades ORDER BY trade_id")
    assert home.ledger("SELECT trade_id, symbol, side, quantity, price FROM fills ORDER BY trade_id") == trades
    lots = home.exchange("SELECT instrument_id AS share, sum(quantity) AS quantity FROM lots GROUP BY 1 HAVING sum(quantity)")
    positions = home.ledger("SELECT instrument_id AS share, quantity FROM positions WHERE status = 'open' ORDER BY 1")
    assert sorted(lots, key=lambda row: str(row["share"])) == positions
