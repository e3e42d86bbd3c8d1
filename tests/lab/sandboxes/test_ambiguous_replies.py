"""A server carries a new order out and then says something else: the order is placed under its id, or its outcome is unknown."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.benches import BENCHES, COMMANDS
from tradectl.brokers.dhan import error_mapping as dhan
from tradectl.brokers.http.replies import CommandKind, Proof, order_id
from tradectl.brokers.http.strict_json import text_of
from tradectl.brokers.kite import error_mapping as kite
from tradectl.brokers.kotak_neo import error_mapping as kotak_neo
from tradectl.brokers.openalgo import error_mapping as openalgo
from tradectl.errors import Ambiguous, BrokerUnavailable, LoginNeeded, TradectlError
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.sandboxes import ambiguous_replies
from tradectl.lab.sandboxes.ambiguous_replies import raw
from tradectl.lab.sandboxes.dhan.shapes import DOCUMENTED as DHANS_REFUSALS
from tradectl.lab.sandboxes.dhan.shapes import SHAPES as DHANS_SHAPES
from tradectl.lab.sandboxes.fixture import FRIDAY, OPEN, Fixture, ist
from tradectl.lab.sandboxes.server import Response, Shape
from tradectl.model.moment import to_ist
from tradectl.model.order import ALIVE

SHAPES = {**ambiguous_replies.SHAPES, "dhan": DHANS_SHAPES}
EMPTY = {("kite", "200 without an order (9)"), ("dhan", "200 '[]'")}
"""The shapes that are a broker's own reply for an empty book."""
DOCUMENTED = {**ambiguous_replies.DOCUMENTED, "dhan": DHANS_REFUSALS}
TABLES: dict[str, tuple[Proof, ...]] = {
    "kite": kite.PROOFS,
    "kotak_neo": kotak_neo.PROOFS,
    "openalgo": openalgo.PROOFS,
    "dhan": dhan.PROOFS,
}
PLACING = {"kite": "/orders/regular", "kotak_neo": "/quick/order/rule/ms/place", "openalgo": COMMANDS, "dhan": "/v2/orders"}
READING = {"kite": "/orders", "kotak_neo": "/quick/user/orders", "openalgo": "/api/v1/orderbook", "dhan": "/v2/orders"}
Opened = Callable[[str], Bench]
MANY = 40
"""After so many shapes a sandbox is new."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The adapter before its sandbox, which many shapes of the broker share: each leaves an order in a book that all read."""
    made: dict[str, Bench] = {}
    used: Counter[str] = Counter()

    def bench(name: str) -> Bench:
        if used[name] % MANY == 0:
            if name in made:
                made[name].close()
            folder: Path = tmp_path_factory.mktemp(name)
            made[name] = BENCHES[name](Fixture(folder, ist(FRIDAY, "10:00")))
            made[name].broker.quotes(["ACME"])
        used[name] += 1
        return made[name]

    yield bench
    for each in made.values():
        each.close()


def outcome(bench: Bench, shape: Shape, name: str) -> tuple[str | TradectlError, list[str]]:
    """What `place` returns or raises where the reply has this shape; and the ids of the orders that the book then has beside."""
    before = {item.broker_order_id for item in bench.broker.orders()}
    bench.sandbox.trouble(shape, method="POST", path=PLACING[name])
    try:
        found: str | TradectlError = bench.broker.place(bench.request(1, OPEN - 500))
    except TradectlError as error:
        found = error
        if isinstance(error, LoginNeeded):
            later = bench.fixture.clock.now() + timedelta(seconds=1)  # a read that was tried again has slept part of a second
            bench.to(FRIDAY, f"{to_ist(later):%H:%M:%S}")  # logs in again
    new = [item.broker_order_id for item in bench.broker.orders() if item.broker_order_id not in before]
    for number in new:
        bench.broker.cancel(number)
    return found, new


def few(name: str, found: Sequence[Shape]) -> list[Any]:
    """The shapes as parameters. Dhan's adapter reads each twelfth of those that every broker may send and each third of its own;
    the others are slow."""
    common = {shape.name for shape in ambiguous_replies.shapes(iter(()))}
    made = []
    for number, shape in enumerate(found):
        skipped = name == "dhan" and number % (12 if shape.name in common else 3)
        made.append(pytest.param(name, shape, marks=[pytest.mark.slow] if skipped else [], id=f"{name}-{shape.name}"))
    return made


@pytest.mark.parametrize(("name", "shape"), [param for name in SHAPES for param in few(name, SHAPES[name])])
def test_an_order_that_was_carried_out_is_placed_or_unknown(opened: Opened, name: str, shape: Shape) -> None:
    found, placed = outcome(opened(name), shape, name)
    assert len(placed) == 1
    if isinstance(found, TradectlError):
        assert type(found) is Ambiguous
        assert not shape.has_order_id
        assert len(str(found)) < 500
    else:
        assert [found] == placed


@pytest.mark.parametrize("name", ["kite", "kotak_neo", "dhan"])
def test_a_reply_that_names_another_order_is_no_answer(opened: Opened, name: str) -> None:
    bench = opened(name)
    other = bench.buy(1, OPEN - 500)
    stale = Shape("the reply to the order before", lambda true: raw(200, re.sub(rb"kit-[0-9-]+", other.encode(), true.body)))
    found, placed = outcome(bench, stale, name)
    bench.broker.cancel(other)
    assert type(found) is Ambiguous
    assert len(placed) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_there_are_more_than_forty_shapes_and_no_name_twice(name: str) -> None:
    names = [shape.name for shape in SHAPES[name]]
    assert len(names) == len(set(names)) > 40


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name in DOCUMENTED for shape in DOCUMENTED[name]],
    ids=lambda it: getattr(it, "name", it),
)
def test_a_documented_refusal_holds_until_the_book_differs(opened: Opened, name: str, shape: Shape) -> None:
    bench = opened(name)
    found, placed = outcome(bench, shape, name)
    assert isinstance(found, TradectlError)
    assert not isinstance(found, Ambiguous)
    assert len(placed) == 1


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_about_a_new_order_has_a_reply(name: str) -> None:
    rows = [row for row in TABLES[name] if CommandKind.PLACE in row.commands]
    replies = [read(name, shape) for shape in DOCUMENTED[name]]
    assert [row for row in rows if not any(row.fits(*reply, CommandKind.PLACE) for reply in replies)] == []


def read(name: str, shape: Shape) -> tuple[int, set[str], str]:
    """Status, codes and words of a documented reply."""
    head, _, body = shape.make(Response(200, b"{}")).partition(b"\r\n\r\n")
    content, status = json.loads(body), int(head.split()[1])
    if name == "kotak_neo":
        said = kotak_neo.read_reply(kotak_neo.Reply(status, body))
        assert said is not None
        return status, set(said.codes), said.text
    if name == "dhan":
        return status, {text_of(content["errorCode"])}, text_of(content["errorMessage"])
    return status, {text_of(content.get("error_type")), text_of(content.get("mode"))}, text_of(content["message"])


def unreadable(name: str) -> list[Shape]:
    """The shapes that are read too: not every status and word of a command, and no reply of the broker's for an empty book."""
    kinds = ("200", "half", "a chunk", "gzip", "no UTF", "nested", "two")
    found = [shape for shape in SHAPES[name] if shape.name.startswith(kinds)]
    return [shape for shape in found if (name, shape.name) not in EMPTY]


@pytest.mark.parametrize(("name", "shape"), [param for name in SHAPES for param in few(name, unreadable(name))])
def test_an_unreadable_read_is_one_line_and_no_empty_book(opened: Opened, name: str, shape: Shape) -> None:
    bench = opened(name)
    placed = bench.buy(1, OPEN - 500)
    bench.sandbox.trouble(shape, path=READING[name], times=3)
    with suppress(BrokerUnavailable):
        alive = [item.broker_order_id for item in bench.broker.orders() if item.status in ALIVE]
        assert placed in alive
    failure = failure_of(bench.broker.orders, bench, shape, name)
    assert failure is None or (type(failure) is BrokerUnavailable and "\n" not in str(failure) and len(str(failure)) < 500)
    bench.broker.cancel(placed)


def failure_of(read: Callable[[], object], bench: Bench, shape: Shape, name: str) -> TradectlError | None:
    """What a read raises whose reply has this shape, however often it is tried; None where it could be read."""
    bench.sandbox._troubles.clear()
    bench.sandbox.trouble(shape, path=READING[name], times=3)
    try:
        read()
    except TradectlError as error:
        return error
    finally:
        bench.sandbox._troubles.clear()
    return None


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -1, 1.5, "", " ", "0", "null", "1" * 65, "a b", "1\n2", [1], {"a": 1}, b"1"]
)
def test_what_is_no_order_id(value: object) -> None:
    assert order_id(value) is None


@pytest.mark.parametrize("value", ["151220000000000", 1914227164488687616, "220621000000097", "asha-20230717-0001", "00001"])
def test_what_is_an_order_id(value: object) -> None:
    assert order_id(value) == str(value)
