"""Who only looks at a broker has no way to an order there: over real sockets, at each of our own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MethodType
from typing import Any

import pytest

from tests.sandbox.benches import KITE, KOTAK, OPENALGO, KiteBench, KotakBench, OpenAlgoBench
from tradectl.brokers.adapter import Account, ReadsOnly
from tradectl.brokers.onlooker import LiveQuotes
from tradectl.clock import VirtualClock
from tradectl.errors import Blocked, LoginNeeded
from tradectl.model.order import OrderRequest, Side
from tradectl.ports import Broker
from tradectl.sandbox.floor import FRIDAY, OPEN, Floor, ist

LOOKS = {"kite": (KiteBench, KITE), "kotak_neo": (KotakBench, KOTAK), "openalgo": (OpenAlgoBench, OPENALGO)}
COMMANDS = {"place", "modify", "cancel", "send"}


@pytest.fixture(params=LOOKS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def bench(name: str, tmp_path: Path) -> Iterator[Any]:
    made = LOOKS[name][0](Floor(tmp_path, ist(FRIDAY, "10:00")))
    yield made
    made.close()


@pytest.fixture
def looking(bench: Any) -> Account:
    """The account of somebody who only looks."""
    return replace(bench.account, limiter=ReadsOnly(bench.account.limiter))


def within(thing: object, seen: dict[int, object]) -> dict[int, object]:
    """Everything of ours that can be reached from a thing: attributes, what methods are of, and what functions hold."""
    if id(thing) in seen or not (type(thing).__module__.startswith("tradectl") or callable(thing)):
        return seen
    seen[id(thing)] = thing
    parts = [*getattr(thing, "__dict__", {}).values()]
    parts += [getattr(thing, slot) for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ())]
    parts += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    parts += [thing.__self__] if isinstance(thing, MethodType) else []
    for part in parts:
        within(part, seen)
    return seen


def test_its_prices_are_the_brokers_and_now(name: str, bench: Any, looking: Account) -> None:
    prices = LOOKS[name][1].prices(looking)
    assert prices.quotes(["ACME", "NOBODY"]) == bench.broker.quotes(["ACME", "NOBODY"])
    assert prices.delay == timedelta(0)
    prices.close()


def test_nothing_that_can_be_reached_from_its_prices_takes_an_order(name: str, bench: Any, looking: Account) -> None:
    prices = LOOKS[name][1].prices(looking)
    prices.quotes(["ACME"])
    reached = [item for item in within(prices, {}).values() if not isinstance(item, type)]
    assert not [item for item in reached if COMMANDS & {word for word in dir(item) if not word.startswith("_")}]
    assert [item for item in within(bench.broker, {}).values() if isinstance(item, type(bench.broker))]  # the walk finds one
    prices.close()


def test_even_a_whole_broker_made_of_its_account_sends_no_command(name: str, bench: Any, looking: Account) -> None:
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
        with pytest.raises(Blocked, match="for looking"):
            attempt()
    assert {method for method, _ in bench.sandbox.requests[before:]} <= {"GET"} or name == "openalgo"
    assert bench.broker.orders() == book


def test_a_quote_from_after_our_now_is_none(name: str, bench: Any, looking: Account) -> None:
    """A home on a virtual clock has no prices of the real market; a broker's clock that is a little ahead does no harm."""
    prices, theirs = LOOKS[name][1].prices(looking), bench.floor.clock.now()
    for behind, seen in ((timedelta(seconds=30), {"ACME"}), (timedelta(minutes=2), set())):
        assert set(LiveQuotes(prices, VirtualClock(theirs - behind)).quotes(["ACME"])) == seen
    prices.close()


def test_without_a_session_there_is_no_price(name: str, bench: Any, looking: Account) -> None:
    prices = LOOKS[name][1].prices(looking)
    assert prices.quotes(["ACME"])
    bench.floor.clock.move_to(ist(FRIDAY, "10:00") + timedelta(days=1))
    with pytest.raises(LoginNeeded):
        prices.quotes(["ACME"])
    prices.close()
