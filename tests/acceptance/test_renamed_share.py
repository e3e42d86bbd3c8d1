"""A share that is renamed while it is held: it keeps its position, its sell, its price and its history.

OLDCO falls a little each day and becomes NEWCO on Wednesday 2025-04-09. Its home has bars of both names. When it learns of the
rename differs from test to test.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import home_with
from tests.acceptance.program import Said, Server, Tradectl, rows
from tradectl import bootstrap
from tradectl.context import Context
from tradectl.exchange.sessions import SessionTable
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.ledger.rows import Intent
from tradectl.model.order import OrderStatus, Purpose, Side, Variety
from tradectl.runtime.registry import all_tasks
from tradectl.runtime.runner import Runner
from tradectl.settings import load, parse_moment
from tradectl.task import Outcome, Task

BOUGHT, EVE, DAY = date(2025, 4, 4), date(2025, 4, 8), date(2025, 4, 9)
SHARES = 100
RENAMES = "company,old,new,date\nThe Company,OLDCO,NEWCO,2025-04-09\n"
SECURITIES = "SYMBOL,NAME OF COMPANY,SERIES,DATE OF LISTING,PAID UP VALUE,MARKET LOT,ISIN NUMBER,FACE VALUE\n"
ISIN = "INE758T01015"
TABLES = ("positions", "orders", "fills", "signals", "decisions")


def prices(sessions: SessionTable, *, halved: bool = False) -> str:
    """Bars that fall by half a percent a day. With `halved`, a split of the day of the rename."""
    lines, price = ["date,symbol,series,open,high,low,close,volume"], 30000.0
    for session in sessions.run_between(date(2024, 1, 1), date(2025, 4, 25)):
        price *= 0.998
        if halved and session.date == DAY:
            price /= 2
        symbol = "OLDCO" if session.date < DAY else "NEWCO"
        low, high = (round(price * part / 5) * 5 / 100 for part in (0.997, 1.001))
        lines.append(f"{session.date},{symbol},EQ,{high:.2f},{high:.2f},{low:.2f},{low:.2f},1000000")
    return "\n".join(lines) + "\n"


@dataclass
class Home:
    """A home with 100 shares of OLDCO, bought on Friday, as of the evening of that day."""

    tradectl: Tradectl
    files: Path

    def __call__(self, *words: str, at: str, code: int = 0, user: str = "me") -> Said:
        said = self.tradectl(*words, "--user", user, at=at)
        assert said.code == code, (words, said)
        return said

    def json(self, *words: str, at: str, code: int = 0, user: str = "me") -> Any:
        return self(*words, "--json", at=at, code=code, user=user).object["result"]

    def take(self, name: str, content: str, at: str) -> None:
        file = self.files / name
        file.write_text(content, encoding="utf-8")
        self("data", "import", str(file), at=at)

    def learn(self, at: str) -> None:
        """Import the list with the rename."""
        self.take("symbolchange.csv", RENAMES, at)

    def buy(self, symbol: str, at: str, session: date, *, decided: date, variety: Variety, price: int, user: str = "me") -> None:
        """Place a buy through the order path, as a task does."""
        world = bootstrap.open_world(load(home=str(self.tradectl.home), at=at, environment={}), user)
        claim = world.ledger.executions.claim(
            "test", session, symbol, owner=current_identity(), trigger="manual",
            machine_now=world.clock.machine_now(), now=world.clock.now(),
        )  # fmt: skip
        assert isinstance(claim, Claim)
        intent = Intent(
            instrument_id=world.market.find(symbol, decided), symbol=symbol, side=Side.BUY, purpose=Purpose.ENTRY,
            quantity=SHARES, price=price, session=session, decided=decided, leg="entry:1", variety=variety, level=30,
        )  # fmt: skip
        placed = Context(world, session, symbol, claim).trading().path.place(intent)
        assert placed.order is not None, placed
        world.ledger.executions.finish(claim, "failed", {}, now=world.clock.now(), steps=1)
        world.close()

    def ids(self) -> set[str]:
        """All ids in the ledger and at the exchange."""
        found = {row["instrument_id"] for table in TABLES for row in self.tradectl.ledger(f"SELECT * FROM {table}")}
        return found | {row["instrument_id"] for table in ("lots", "orders", "trades", "cash_entries", "charges")
                        for row in self.tradectl.exchange(f"SELECT * FROM {table}")} - {""}  # fmt: skip

    def sells(self, session: date) -> list[dict[str, Any]]:
        query = "SELECT * FROM orders WHERE side = 'SELL' AND session_date = ? ORDER BY id"
        return self.tradectl.ledger(query, session.isoformat())

    def protected(self, at: str, symbol: str, *, shares: int = SHARES, user: str = "me") -> None:
        """The position is priced under this symbol and all of its shares are on sale."""
        found = self.json("status", at=at, user=user)
        [held] = found["positions"]
        assert (held["symbol"], held["quantity"], found["unprotected"]) == (symbol, shares, [])
        assert (held["protected"], held["last"] is not None, held["target"] is not None) == (True, True, True)

    def whole(self, at: str) -> None:
        """Ledger and exchange agree, and the journal is whole."""
        found = self.json("reconcile", at=at)
        assert (found["agrees"], found["shares"], found["orders"]) == (True, [], [])
        assert self.json("audit", "verify", at=at)["findings"] == []


@pytest.fixture
def home(server: Server, tmp_path: Path, sessions: SessionTable) -> Home:
    made = Home(Tradectl(tmp_path / "home", server), tmp_path)
    made("init", at="2025-04-04 09:00")
    made.take("bars.csv", prices(sessions), "2025-04-04 09:00")
    made.take("EQUITY_L.csv", SECURITIES + f"OLDCO,The Company,EQ,23-JUL-2021,1,1,{ISIN},1\n", "2025-04-04 09:00")
    made("config", "set", "universe", "all", at="2025-04-04 09:00")
    made.buy("OLDCO", "2025-04-04 15:20", BOUGHT, decided=date(2025, 4, 3), variety=Variety.REGULAR, price=17500)
    made("eod", at="2025-04-04 18:00")
    return made


def test_a_share_renamed_overnight_goes_on_under_its_new_name(home: Home) -> None:
    home("sell-monitor", "--until", "15:29", at=f"{EVE} 09:15")
    assert [order["symbol"] for order in home.sells(EVE)] == ["OLDCO"]
    home.learn(f"{EVE} 19:00")
    home("premarket-retry", at=f"{DAY} 08:00")
    home("amo-adjust", at=f"{DAY} 09:05")
    home("sell-monitor", "--until", "09:29", at=f"{DAY} 09:15")
    home("position-monitor", at=f"{DAY} 09:30")
    home.protected(f"{DAY} 09:31", "NEWCO")
    [sell] = home.sells(DAY)
    assert (sell["symbol"], sell["instrument_id"], sell["status"]) == ("NEWCO", "NEWCO", OrderStatus.ONGOING)
    assert home.ids() == {"NEWCO"}
    home("sell-monitor", at=f"{DAY} 09:32")
    home("analyze", at=f"{DAY} 16:00")
    home("buy", at=f"{DAY} 16:05")
    day = home.json("eod", at=f"{DAY} 18:00")
    assert (day["mismatches"], day["external_trades"], day["open_positions"]) == (0, 0, 1)
    home.whole(f"{DAY} 18:30")


def test_history_and_accounts_name_a_renamed_share_once(home: Home) -> None:
    home("sell-monitor", "--until", "15:29", at=f"{EVE} 09:15")
    home.learn(f"{EVE} 19:00")
    home("sell-monitor", "--until", "09:29", at=f"{DAY} 09:15")
    home("position-monitor", at=f"{DAY} 09:30")
    now = f"{DAY} 09:40"
    for name in ("NEWCO", "OLDCO"):
        decided = {(item["session_date"], item["task"]) for item in home.json("why", name, at=now)}
        assert {(str(EVE), "sell-monitor"), (str(DAY), "sell-monitor")} <= decided
        [row] = home.json("pnl", "--by", "symbol", "--symbol", name, at=now)["rows"]
        assert row["key"] == "NEWCO"
        [lot] = home.json("tax", "lots", "--symbol", name, at=now)["lots"]
        assert (lot["symbol"], lot["quantity"], lot["acquired"]) == ("NEWCO", SHARES, str(BOUGHT))
    page = home("report", "--session", str(DAY), "--format", "md", at=now).out
    assert "NEWCO" in page


def test_a_list_that_comes_at_noon_gives_the_share_its_sell(home: Home) -> None:
    said = home("sell-monitor", "--until", "11:59", at=f"{DAY} 09:15", code=11)
    assert "OLDCO: 100 of 100 shares have no live sell order (data missing)" in said.err
    home.learn(f"{DAY} 12:00")
    home("sell-monitor", "--until", "12:29", at=f"{DAY} 12:01")
    home("position-monitor", at=f"{DAY} 12:30")
    home.protected(f"{DAY} 12:31", "NEWCO")
    assert home.ids() == {"NEWCO"}
    home.whole(f"{DAY} 12:40")


def test_a_rename_known_before_its_day_changes_no_symbol_yet(home: Home) -> None:
    home.learn("2025-04-04 19:00")
    home("sell-monitor", "--until", "09:29", at=f"{EVE} 09:15")
    home("position-monitor", at=f"{EVE} 09:30")
    home.protected(f"{EVE} 09:31", "OLDCO")
    assert home.ids() == {"NEWCO"}
    home.whole(f"{EVE} 09:40")


def test_status_alone_lets_the_ledger_follow_a_rename(home: Home) -> None:
    home.learn(f"{EVE} 19:00")
    home("status", at=f"{EVE} 19:01")
    assert {row["instrument_id"] for row in home.tradectl.ledger("SELECT instrument_id FROM positions")} == {"NEWCO"}


def test_a_buy_that_waits_overnight_fills_under_the_new_name(home: Home) -> None:
    home.take("other.csv", prices_of("ABLE"), f"{EVE} 16:00")
    home("config", "set", "universe", "all", at=f"{EVE} 16:01")
    renames = RENAMES + "Another,ABLE,READY,2025-04-09\n"
    home.buy("ABLE", f"{EVE} 16:30", DAY, decided=EVE, variety=Variety.AMO, price=10050)
    home.take("symbolchange.csv", renames, f"{EVE} 19:00")
    home("sell-monitor", "--until", "09:29", at=f"{DAY} 09:15")
    [order] = home.tradectl.ledger("SELECT * FROM orders WHERE side = 'BUY' AND session_date = ?", DAY.isoformat())
    assert (order["instrument_id"], order["status"], order["filled_quantity"]) == ("READY", OrderStatus.EXECUTED, SHARES)
    [fill] = home.tradectl.ledger("SELECT * FROM fills WHERE order_id = ?", order["id"])
    assert (fill["symbol"], fill["instrument_id"], fill["external"]) == ("READY", "READY", 0)
    home.whole(f"{DAY} 09:30")


def prices_of(symbol: str) -> str:
    """Bars of a share at 100 rupees, which has the name READY from the day of the renames on."""
    days = SessionTable.load().run_between(date(2024, 6, 3), date(2025, 4, 11))
    rows = [f"{item.date},{symbol if item.date < DAY else 'READY'},EQ,100.00,100.50,99.50,100.00,1000000" for item in days]
    return "\n".join(["date,symbol,series,open,high,low,close,volume", *rows]) + "\n"


SPLIT = "Face Value Split (Sub-Division) - From Rs 2/- Per Share To Re 1/- Per Share"
ACTIONS = f"symbol,series,ex_date,subject\n%s,EQ,2025-04-09,{SPLIT}\n"


@pytest.mark.parametrize("late", [False, True], ids=["the evening before", "at noon"])
@pytest.mark.parametrize("listed", [("OLDCO",), ("NEWCO",), ("OLDCO", "NEWCO")], ids="+".join)
def test_a_split_on_the_day_of_the_rename_is_applied_once(
    home: Home, sessions: SessionTable, late: bool, listed: tuple[str, ...]
) -> None:
    """The list of actions has either symbol. A list of renames that comes at noon finds the exchange past the session's start."""
    (home.files / "halved.csv").write_text(prices(sessions, halved=True), encoding="utf-8")
    home("data", "import", "--replace", str(home.files / "halved.csv"), at=f"{EVE} 16:00")
    for symbol in listed:
        home.take(f"actions-{symbol}.csv", ACTIONS % symbol, f"{EVE} 16:00")
    if late:
        home("sell-monitor", "--until", "11:59", at=f"{DAY} 09:15", code=11)
    home.learn(f"{DAY} 12:00" if late else f"{EVE} 19:00")
    home("sell-monitor", "--until", "12:29", at=f"{DAY} 12:01")
    home("position-monitor", at=f"{DAY} 12:30")
    [position] = home.tradectl.ledger("SELECT * FROM positions")
    [held] = home.tradectl.exchange("SELECT sum(quantity) AS shares FROM lots")
    assert (position["quantity"], held["shares"]) == (2 * SHARES, 2 * SHARES)
    assert home.json("audit", "verify", at=f"{DAY} 12:40")["findings"] == []
    assert home.json("reconcile", at=f"{DAY} 12:40")["shares"] == []


def test_two_users_of_one_database_both_follow(home: Home) -> None:
    home("user", "add", "ravi", "--capital", "1000000", at=f"{EVE} 15:00")
    home("config", "set", "universe", "all", at=f"{EVE} 15:00", user="ravi")
    home.buy("OLDCO", f"{EVE} 15:20", EVE, decided=date(2025, 4, 7), variety=Variety.REGULAR, price=17500, user="ravi")
    home("eod", at=f"{EVE} 18:00", user="ravi")
    home.learn(f"{EVE} 19:00")
    for user in ("ravi", "me"):
        home("sell-monitor", "--once", at=f"{DAY} 09:16", user=user)
    for user in ("ravi", "me"):
        home("position-monitor", at=f"{DAY} 09:30", user=user)
        home.protected(f"{DAY} 09:30", "NEWCO", user=user)
    assert home.ids() == {"NEWCO"}


def test_a_monitor_that_runs_follows_the_import_of_a_list(home: Home) -> None:
    """Another process imports the list between two of its steps."""
    world = bootstrap.open_world(load(home=str(home.tradectl.home), at=f"{DAY} 09:15", environment={}), "me")
    seen: list[tuple[str, int]] = []

    def after_step(_task: Task, now: datetime, _outcome: Outcome) -> None:
        [position] = world.ledger.book.snapshot().positions
        seen.append((position.instrument_id, len(home.sells(DAY))))
        if len(seen) == 2:
            home.learn(f"{DAY} 09:17")

    with closing(world):
        runner = Runner(world, all_tasks(), trigger="manual", progress=after_step)
        task = next(task for task in all_tasks() if task.name == "sell-monitor")
        runner.run(task, until=parse_moment(f"{DAY} 09:20"))
    assert seen[:4] == [("OLDCO", 0), ("OLDCO", 0), ("NEWCO", 1), ("NEWCO", 1)]
    [sell] = home.sells(DAY)
    assert (sell["symbol"], sell["status"]) == ("NEWCO", OrderStatus.ONGOING)
    home.whole(f"{DAY} 09:30")


def test_a_simulation_trades_a_renamed_share_as_any_other(home: Home, server: Server, tmp_path: Path) -> None:
    """The same bars under one name all along give the same trades."""
    (tmp_path / "other").mkdir()
    plain = Home(Tradectl(tmp_path / "plain", server), tmp_path / "other")
    plain("init", at="2025-04-04 09:00")
    bars = (home.files / "bars.csv").read_text(encoding="utf-8")
    plain.take("bars.csv", bars.replace("OLDCO", "NEWCO"), "2025-04-04 09:00")
    plain.take("EQUITY_L.csv", SECURITIES + f"NEWCO,The Company,EQ,23-JUL-2021,1,1,{ISIN},1\n", "2025-04-04 09:00")
    home.learn(f"{EVE} 19:00")
    found = []
    for where, symbol in ((home, "OLDCO"), (plain, "NEWCO")):
        words = ("--from", "2025-04-04", "--to", "2025-04-25", "--universe", "all", "--hold", f"{symbol}:{SHARES}@2025-04-04")
        result = where.json("simulate", *words, at=f"{EVE} 19:01")
        assert (result["reconciled"], result["differences"], result["troubles"]) == (True, [], [])
        found.append({key: result[key] for key in ("cash", "equity", "charges", "realised_pnl", "trades", "open_positions")})
    assert found[0] == found[1]
    assert found[0]["trades"] or found[0]["open_positions"]


def test_zomato_is_held_over_its_real_rename(server: Server, real_market: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ("--from", str(EVE), "--to", "2025-04-15", "--universe", "ETERNAL", "--hold", f"ZOMATO:{SHARES}@{EVE}")
    said = home_with(real_market, tmp_path / "home", server)("simulate", *words, "--keep", str(kept), "--json")
    result = said.object["result"]
    assert (said.outcome, result["reconciled"], result["differences"]) == (("completed", 0), True, [])
    fills = rows(kept / "ledger.db", "SELECT side, symbol, instrument_id, session_date FROM fills ORDER BY id")
    assert [tuple(fill.values()) for fill in fills] == [
        ("BUY", "ZOMATO", "ETERNAL", str(EVE)), ("SELL", "ETERNAL", "ETERNAL", str(DAY)),
    ]  # fmt: skip


PLACES = ("before the ledger", "after the ledger", "inside the exchange")


@pytest.mark.parametrize("place", PLACES)
def test_a_death_between_ledger_and_exchange_is_mended(home: Home, place: str, tmp_path: Path) -> None:
    home.learn(f"{EVE} 19:00")
    died = str(tmp_path / "died")
    hook = ("die_following", died) if place == PLACES[2] else ("die", "commit", 1, place.split(maxsplit=1)[0], died)
    said = home.tradectl.hooked(*hook)("sell-monitor", "--until", "09:29", at=f"{DAY} 09:15")
    assert (said.code, Path(died).exists()) == (-9, True)
    ledger = {row["instrument_id"] for row in home.tradectl.ledger("SELECT instrument_id FROM positions")}
    exchange = {row["instrument_id"] for row in home.tradectl.exchange("SELECT instrument_id FROM lots")}
    assert (ledger, exchange) == ({"OLDCO" if place == PLACES[0] else "NEWCO"}, {"OLDCO"})
    home("sell-monitor", "--until", "09:29", at=f"{DAY} 09:16")
    home("position-monitor", at=f"{DAY} 09:30")
    home.protected(f"{DAY} 09:31", "NEWCO")
    assert home.ids() == {"NEWCO"}
    home.whole(f"{DAY} 09:40")
