"""Who only looks at a broker has no way to an order there: over real sockets, at each of our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.benches import DHAN, KITE, KOTAK, OPENALGO, DhanBench, KiteBench, KotakBench, OpenAlgoBench
from tests.support.brokers.market import MemoryMarket
from tradectl.brokers.account.live_account import LiveAccount
from tradectl.brokers.account.read_only_account import LiveQuotes, ReadOnlyAccount
from tradectl.brokers.adapter import BrokerAccount, ReadsOnly
from tradectl.brokers.http.transport import ReadTransport
from tradectl.clock import VirtualClock
from tradectl.errors import Blocked, LoginNeeded
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.sandboxes.fixture import FRIDAY, OPEN, Fixture, ist
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger
from tradectl.model.order import OrderRequest, Side
from tradectl.ports import Broker

pytestmark = pytest.mark.any_day

LOOKS = {
    "kite": (KiteBench, KITE),
    "kotak_neo": (KotakBench, KOTAK),
    "openalgo": (OpenAlgoBench, OPENALGO),
    "dhan": (DhanBench, DHAN),
}
NOW = ist(FRIDAY, "10:00")
COMMANDS = {"place", "modify", "cancel", "send", "command"}
TAKES = {
    "kite": {"KiteApi", "Transport"},
    "kotak_neo": {"Transport"},
    "openalgo": {"OpenAlgoApi", "Transport"},
    "dhan": {"DhanApi", "Transport"},
}
"""What takes a command within each of our own brokers."""
CONTAINERS = (Mapping, list, tuple, set, frozenset)


@pytest.fixture(params=LOOKS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def bench(name: str, tmp_path: Path) -> Iterator[Any]:
    made = LOOKS[name][0](Fixture(tmp_path, ist(FRIDAY, "10:00")))
    yield made
    made.close()


@pytest.fixture
def looking(bench: Any) -> BrokerAccount:
    """The account of somebody who only looks."""
    return replace(bench.account, limiter=ReadsOnly(bench.account.limiter))


def within(thing: object, seen: dict[int, object]) -> dict[int, object]:
    """Everything of ours that can be reached from a thing: attributes, what containers have, what methods are of, and what
    functions hold. Classes are not gone into: they hold nothing of an account."""
    ours = type(thing).__module__.startswith(("tradectl", "tests")) or callable(thing) or isinstance(thing, CONTAINERS)
    if id(thing) in seen or isinstance(thing, type) or not ours:
        return seen
    seen[id(thing)] = thing
    for part in (*vars_of(thing), *held_by(thing)):
        within(part, seen)
    return seen


def vars_of(thing: object) -> list[Any]:
    slots = [slot for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ())]
    names = {*slots, *getattr(thing, "__struct_fields__", ())}
    found = [getattr(thing, name) for name in names if hasattr(thing, name)]
    return [*found, *getattr(thing, "__dict__", {}).values()]


def held_by(thing: Any) -> list[Any]:
    """What a method, a function or a container holds."""
    found = [thing.__self__] if isinstance(thing, MethodType) else []
    found += [thing.func, *thing.args, *thing.keywords.values()] if isinstance(thing, partial) else []
    found += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    found += [*(getattr(thing, "__defaults__", None) or ()), *(getattr(thing, "__kwdefaults__", None) or {}).values()]
    found += thing if isinstance(thing, CONTAINERS) else []
    return [*found, *thing.values()] if isinstance(thing, Mapping) else found


def commanding(thing: object) -> set[str]:
    """The classes of what takes a command within a thing, itself included."""
    return {type(item).__name__ for item in within(thing, {}).values() if COMMANDS & set(dir(item))}


def test_its_prices_are_the_brokers_and_now(name: str, bench: Any, looking: BrokerAccount) -> None:
    prices = LOOKS[name][1].prices(looking)
    assert prices.quotes(["ACME", "NOBODY"]) == bench.broker.quotes(["ACME", "NOBODY"])
    assert prices.delay == timedelta(0)
    prices.close()


def test_nothing_reachable_from_its_prices_takes_a_command(name: str, bench: Any, looking: BrokerAccount) -> None:
    prices = LOOKS[name][1].prices(looking)
    prices.quotes(["ACME"])
    assert commanding(prices) == set()
    assert any(type(item) is ReadTransport for item in within(prices, {}).values())  # the walk goes as far as requests are made
    assert commanding(bench.broker) == {type(bench.broker).__name__, *TAKES[name]}  # and finds what is there
    prices.close()


def test_a_whole_broker_of_its_account_sends_no_command(name: str, bench: Any, looking: BrokerAccount) -> None:
    order_id = bench.broker.place(bench.request(10, OPEN - 500))
    broker: Broker = LOOKS[name][1].open(looking)
    broker.quotes(["ACME"])
    broker.orders()
    book, before = bench.broker.orders(), len(bench.sandbox.requests)
    attempts = (
        lambda: broker.place(OrderRequest("LOOKER", "ACME", Side.BUY, 10, OPEN - 500)),
        lambda: broker.modify(order_id, quantity=11, price=OPEN - 500),
        lambda: broker.cancel(order_id),
    )
    for attempt in attempts:
        with pytest.raises(Blocked, match="is read-only"):
            attempt()
    assert {method for method, _ in bench.sandbox.requests[before:]} <= {"GET"} or name == "openalgo"
    assert bench.broker.orders() == book


def test_a_quote_from_after_our_now_is_none(name: str, bench: Any, looking: BrokerAccount) -> None:
    """A home on a virtual clock has no prices of the real market; a broker's clock that is a little ahead does no harm."""
    prices, theirs = LOOKS[name][1].prices(looking), bench.fixture.clock.now()
    for behind, seen in ((timedelta(seconds=30), {"ACME"}), (timedelta(minutes=2), set())):
        assert set(LiveQuotes(prices, VirtualClock(theirs - behind)).quotes(["ACME"])) == seen
    prices.close()


def test_without_a_session_there_is_no_price(name: str, bench: Any, looking: BrokerAccount) -> None:
    prices = LOOKS[name][1].prices(looking)
    assert prices.quotes(["ACME"])
    bench.fixture.clock.move_to(ist(FRIDAY, "10:00") + timedelta(days=1))
    with pytest.raises(LoginNeeded):
        prices.quotes(["ACME"])
    prices.close()


def test_only_kite_has_daily_bars_to_fetch(name: str, tmp_path: Path) -> None:
    database = open_database(tmp_path / "ledger.db", durable=False)
    create_or_upgrade(database)
    ledger = Ledger(database, "asha")
    ledger.users.add("asha", capital=500_000_00, created_at=NOW, role="admin")
    keys = {"key_file": tmp_path / "key", "folder": tmp_path, "name": name}
    account = ReadOnlyAccount(ledger, VirtualClock(NOW), MemoryMarket(), SessionTable.load(), **keys)
    if name == "kite":
        candles = account.candles()
        assert candles.name == "kite"
        candles.close()
    else:
        with pytest.raises(Blocked, match="provides no daily bars to tradectl"):
            account.candles()
    database.close()


class Machine(VirtualClock):
    """A machine whose seconds pass in no time."""

    virtual = False

    def machine_now(self) -> datetime:
        return self.now()


def test_a_read_only_account_leaves_half_of_the_limits(tmp_path: Path) -> None:
    """The two count in ledgers of their own; what the broker allows is for both together."""

    def asked(kind: type[ReadOnlyAccount], bucket: str) -> int:
        """Requests of ten seconds."""
        database = open_database(tmp_path / f"{kind.__name__}-{bucket}.db", durable=False)
        create_or_upgrade(database)
        clock, sessions = Machine(NOW), SessionTable.load()
        keys = {"key_file": tmp_path / "key", "folder": tmp_path, "name": "kite"}
        ledger = Ledger(database, "asha")
        ledger.users.add("asha", capital=500_000_00, created_at=NOW, role="admin")
        limits = kind(ledger, clock, MemoryMarket(), sessions, **keys).limits(KITE)
        count = 0
        while clock.now() < NOW + timedelta(seconds=10):
            limits.take(bucket)
            count += 1
        database.close()
        return count

    found = {bucket: (asked(ReadOnlyAccount, bucket), asked(LiveAccount, bucket)) for bucket in ("quote", "historical", "other")}
    assert found == {"quote": (6, 11), "historical": (11, 31), "other": (51, 101)}
