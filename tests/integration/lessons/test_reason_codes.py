"""What code branches on is a code in a column of its own: `reason` beside it is text for people."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

import tradectl
from tests.integration.execution.test_repeated_sends import Forgetful
from tests.support.trading import T, entry, stock
from tradectl.errors import OrderRefused
from tradectl.execution.orders import CommandStatus
from tradectl.ledger.schema import orders
from tradectl.model.order import OrderStatus, ReasonCode, Side

MODULES = sorted(Path(tradectl.__file__).parent.rglob("*.py"))
BROKERS_TEXT = {"unprotected_positions.py": 1}
"""How often a module searches the text of a broker in a reason: for the advice to a person and how soon it is given.

No command to the broker depends on it."""
SEARCHES = {"search", "match", "fullmatch"}
METHODS = {"startswith", "endswith", "find", "count", "removeprefix", "partition", "split"}


def branches_on_reason(source: str) -> list[int]:
    """Return the lines of a source that compare an attribute `reason`, search it, or look at its parts."""
    found = []
    for node in ast.walk(ast.parse(source)):
        compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        matched = [node.subject] if isinstance(node, ast.Match) else []
        called = node.func if isinstance(node, ast.Call) else None
        parted = [called.value] if isinstance(called, ast.Attribute) and called.attr in METHODS else []
        searched = node.args if isinstance(called, ast.Attribute) and called.attr in SEARCHES else []  # type: ignore[attr-defined]
        parts = (*compared, *matched, *parted, *searched)
        if any(isinstance(item, ast.Attribute) and item.attr == "reason" for item in parts):
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "order.reason == 'funds'",
        "'funds' in order.reason",
        "order.reason not in {A, B}",
        "A == found.order.reason",
        "order.reason.startswith(A)",
        "PATTERN.search(order.reason)",
        "match order.reason:\n    case 'funds': pass",
    ],
)
def test_a_branch_on_a_reason_is_found(source: str) -> None:
    assert branches_on_reason(source) == [1]


def test_no_code_branches_on_the_text_of_a_reason() -> None:
    found = {path.name: len(lines) for path in MODULES if (lines := branches_on_reason(path.read_text(encoding="utf-8")))}
    assert found == BROKERS_TEXT


def test_the_database_refuses_an_unknown_reason_code(trading) -> None:
    market = trading(stock())
    order = market.record(market.claim("test", T), entry(10, 9600), "TAG")
    with pytest.raises(IntegrityError, match="reason_code"), market.ledger.database.write() as connection:
        connection.execute(update(orders).where(orders.c.id == order.id).values(reason_code="because"))


@pytest.mark.parametrize("code", ReasonCode)
def test_a_reason_code_is_stored_until_the_next_reason(trading, code: ReasonCode) -> None:
    market = trading(stock())
    order, now = market.record(market.claim("test", T), entry(10, 9600), "TAG"), market.clock.now()
    intents = market.ledger.book.intents
    intents.move(order, OrderStatus.PENDING, code.text("more"), now, code=code)
    coded = market.ledger.book.order(order.id)
    assert (coded.reason_code, coded.reason.endswith(": more")) == (code, True)
    intents.note_absent(coded, now)  # writes no reason
    assert market.ledger.book.order(order.id).reason_code is code
    intents.mark_unknown(market.ledger.book.order(order.id), "a timeout", now, absent_since=None)
    assert market.ledger.book.order(order.id).reason_code is None


def test_a_broker_that_has_the_tag_is_never_sent_it_again(trading) -> None:
    """A later look notes since when the order is absent. Its reason and its code stay."""
    market = trading(stock())
    broker = Forgetful(market.broker, OrderRefused("duplicate tag", code="repeated_tag"))
    market.world = replace(market.world, broker=broker)
    claim = market.claim("buy", T)
    trading_session = market.trading(claim)
    assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.UNKNOWN
    for _ in range(3):
        market.clock.sleep(timedelta(minutes=1).total_seconds())
        trading_session.reconcile()
        assert trading_session.path.place(entry(10, 10050)).status is CommandStatus.UNKNOWN
    (order,) = market.orders(Side.BUY)
    assert (order.reason, order.reason_code) == (
        "the broker already has an order with its tag: duplicate tag",
        ReasonCode.REPEATED_TAG,
    )
    assert (order.absent_since is not None, broker.commands) == (True, 2)
