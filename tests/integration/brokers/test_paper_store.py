"""The file: whole commands or nothing, several processes, damage, and how little an idle question costs."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import python_path
from tests.support.brokers.exchange import Floor, bar, ist, listing, quiet
from tradectl.brokers.paper import PaperBroker, exchange_file
from tradectl.brokers.paper.store import Store
from tradectl.errors import ConfigurationError, DatabaseError, OrderRefused
from tradectl.model.order import OrderRequest, OrderStatus, Side

DAYS = [date(2023, 7, day) for day in (14, 17, 18)]
D = DAYS[1]


@pytest.fixture
def market(floor) -> Floor:
    return floor(quiet("ACME", DAYS), at=ist(D, "10:00"))


def test_the_book_is_the_same_object_until_something_changes(market) -> None:
    market.buy(10, 9900)
    orders, trades, holdings, funds = (
        market.broker.orders(),
        market.broker.trades(),
        market.broker.holdings(),
        market.broker.funds(),
    )
    market.to(D, "15:00")
    assert market.broker.orders() is orders
    assert market.broker.trades() is trades
    assert market.broker.holdings() is holdings
    assert market.broker.funds() is funds
    market.to(D, "15:30")
    assert market.broker.orders() is not orders
    assert market.broker.trades() is trades


def test_a_new_process_finds_the_same_account(market) -> None:
    market.buy(10, 10000)
    market.buy(10, 9900)
    other = market.another()
    assert other.orders() == market.broker.orders()
    assert other.trades() == market.broker.trades()
    assert other.funds() == market.broker.funds()
    assert other.holdings() == market.broker.holdings()
    other.close()


def test_two_brokers_on_one_file_see_each_others_orders_at_once(market) -> None:
    other = market.another()
    mine = market.buy(10, 9900)
    assert [order.broker_order_id for order in other.orders()] == [mine]
    other.cancel(mine)
    assert market.order(mine).status is OrderStatus.CANCELLED
    other.close()


def test_two_brokers_never_spend_the_same_money_or_number(floor) -> None:
    market = floor(quiet("ACME", DAYS), at=ist(D, "10:00"), cash=1_00_000_00)
    other = market.another()
    other.orders(), market.broker.orders()
    first = market.buy(600, 9900, tag="A")
    with pytest.raises(OrderRefused, match="Margin"):
        other.place(OrderRequest("B", "ACME", Side.BUY, 600, 9900))
    second = other.place(OrderRequest("C", "ACME", Side.BUY, 100, 9900))
    assert (first, second) == ("asha-20230717-0001", "asha-20230717-0002")
    other.close()


def test_accounts_in_one_file_are_strangers(market) -> None:
    other = PaperBroker(market.file, "bimal", market.clock, market.market, market.sessions, durable=False)
    with pytest.raises(ConfigurationError, match="bimal has not been opened"):
        other.orders()
    other.open_account(5000)
    market.buy(10, 9900)
    assert (other.orders(), other.funds().cash) == ((), 5000)
    other.close()


def test_a_place_that_dies_before_its_commit_has_not_happened(market, monkeypatch) -> None:
    def dies(self, book) -> None:
        self._connection.execute("UPDATE accounts SET day = '2099-01-01'")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            market.buy(10, 9900)
    assert market.broker.orders() == ()
    assert market.broker.funds().blocked == 0
    assert market.buy(10, 9900) == "asha-20230717-0001"


KILLED = """
import os, sys
from pathlib import Path
from tests.support.brokers.exchange import *
from tradectl.brokers.paper.store import Store
file, when = Path(sys.argv[1]), sys.argv[2]
market = MemoryMarket(quiet("ACME", [date(2023, 7, 14), date(2023, 7, 17)]))
broker = PaperBroker(file, "asha", VirtualClock(ist(date(2023, 7, 17), "10:00")), market, SessionTable.load())
write = Store.write
def dies(self, book):
    if when == "before":
        os._exit(9)
    write(self, book)
    if when == "after_write":
        os._exit(9)
Store.write = dies
broker.place(OrderRequest("TAG", "ACME", Side.BUY, 10, 10000))
os._exit(9)
"""


@pytest.mark.parametrize(("when", "orders"), [("before", 0), ("after_write", 0), ("after_commit", 1)])
def test_a_killed_process_leaves_a_whole_order_or_none(market, when, orders) -> None:
    root = Path(__file__).parents[3]
    words = [sys.executable, "-c", KILLED, str(market.file), when]
    environment = {**os.environ, "PYTHONPATH": python_path(root, os.environ["PYTHONPATH"])}
    done = subprocess.run(words, cwd=root, env=environment, check=False)
    assert done.returncode == 9
    assert len(market.broker.orders()) == len(market.broker.trades()) == orders


def test_another_writers_lock_is_waited_for_and_then_reported(market, monkeypatch) -> None:
    monkeypatch.setattr(exchange_file, "BUSY_SECONDS", 0.05)
    impatient = market.another()
    holder = sqlite3.connect(market.file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert impatient.orders() == ()
    with pytest.raises(DatabaseError, match="locked"):
        impatient.place(OrderRequest("T", "ACME", Side.BUY, 1, 9900))
    holder.execute("ROLLBACK")
    holder.close()
    impatient.place(OrderRequest("T", "ACME", Side.BUY, 1, 9900))
    impatient.close()


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"\\0" * 5000])
def test_a_damaged_file_is_one_line(tmp_path, content, market) -> None:
    file = tmp_path / "damaged.sqlite"
    file.write_bytes(content)
    with pytest.raises(DatabaseError) as error:
        Store(file)
    assert "\n" not in str(error.value)


def test_a_foreign_or_newer_file_is_refused(tmp_path) -> None:
    for name, statement, words in (
        ("else", "CREATE TABLE x (y)", "is not a paper exchange"),
        ("newer", "PRAGMA user_version = 99", "newer version"),
    ):
        connection = sqlite3.connect(tmp_path / name)
        connection.execute(statement)
        connection.commit()
        connection.close()
        with pytest.raises(DatabaseError, match=words):
            Store(tmp_path / name)


def test_a_full_file_refuses_the_command_and_loses_nothing(market) -> None:
    kept = market.buy(10, 9900)
    connection = market.broker._store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill_up() -> None:
        for _ in range(500):
            market.buy(1, 9900)

    with pytest.raises(DatabaseError, match="full"):
        fill_up()
    connection.execute("PRAGMA max_page_count = 1000000")
    assert market.order(kept).status is OrderStatus.ONGOING
    assert len({order.broker_order_id for order in market.broker.orders()}) == len(market.broker.orders())


def test_a_file_that_cannot_be_written_can_still_be_read(market) -> None:
    market.buy(10, 9900)
    market.broker._store._connection.execute("PRAGMA query_only = ON")
    assert len(market.broker.orders()) == 1
    with pytest.raises(DatabaseError, match="readonly"):
        market.buy(1, 9900)
    market.broker._store._connection.execute("PRAGMA query_only = OFF")


def test_an_idle_minute_costs_almost_nothing(floor) -> None:
    """Counted, not timed: a call of Python or SQLite more for each order would be six and more a look."""
    stocks = [listing(f"S{n}", [bar(DAYS[0], *[10000] * 4), bar(D, 10000, 10900, 9400, 10600)]) for n in range(6)]
    market = floor(*stocks, at=ist(D, "09:15"))
    for n in range(6):
        market.buy(10, 8500, f"S{n}")
    market.broker.orders()
    calls = Counter()
    sys.setprofile(lambda _frame, event, _argument: calls.update([event]))
    for _ in range(60):
        market.clock.sleep(1)
        market.broker.orders()
    sys.setprofile(None)
    assert (calls["call"] + calls["c_call"]) / 60 < 17


def test_a_file_alone_keeps_others_out_until_it_is_closed(tmp_path: Path) -> None:
    alone = Store(tmp_path / "paper.db", durable=False, alone=True)
    with alone.writing():
        pass
    other = sqlite3.connect(tmp_path / "paper.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT count(*) FROM orders")
    alone.close()
    assert other.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    other.close()
