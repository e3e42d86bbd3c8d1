"""Each status has one meaning, and only the moves of the table are made: by the code, and by whoever else writes the database."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, StatementError

from tests.support.trading import T, Trading, entry, stock
from tradectl.errors import DatabaseError
from tradectl.ledger.schema import orders
from tradectl.model.order import ALIVE, MOVES, TERMINAL, OrderStatus

S = OrderStatus
PAIRS = list(product(S, S))


def in_status(market: Trading, status: OrderStatus) -> int:
    """An order's id, brought to a status past the table."""
    order = market.record(market.claim("test", T), entry(10, 9600), "TAG")
    filled = {"filled_quantity": 10} if status is S.EXECUTED else {}
    with market.ledger.database.write() as connection:
        connection.execute(update(orders).where(orders.c.id == order.id).values(status=status, previous=None, **filled))
    return order.id


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_status_moves_as_the_table_allows_and_not_otherwise(trading, before: OrderStatus, after: OrderStatus) -> None:
    market = trading(stock())
    order_id = in_status(market, before)
    order, now = market.ledger.book.order(order_id), market.clock.now()
    if before is after or after in MOVES[before]:
        if after is S.EXECUTED and before is not S.EXECUTED:  # fills are the truth: without them it is not executed
            with pytest.raises(IntegrityError):
                market.ledger.book.intents.move(order, after, "", now)
            return
        market.ledger.book.intents.move(order, after, "", now)
        assert market.ledger.book.order(order_id).status is after
        return
    with pytest.raises(DatabaseError, match=f"order {order_id} cannot change its status from {before} to {after}"):
        market.ledger.book.intents.move(order, after, "", now)
    statement = update(orders).where(orders.c.id == order_id)
    filled = {"filled_quantity": 10} if after is S.EXECUTED else {}
    with pytest.raises(IntegrityError, match="move"), market.ledger.database.write() as connection:
        connection.execute(statement.values(status=after, previous=before, **filled))
    assert market.ledger.book.order(order_id).status is before


def test_a_word_that_is_no_status_is_refused_by_the_database(trading) -> None:
    market = trading(stock())
    order_id = in_status(market, S.PENDING)
    with pytest.raises(IntegrityError), market.ledger.database.write() as connection:
        connection.execute(update(orders).where(orders.c.id == order_id).values(status="FAILED"))


def test_every_status_is_alive_ended_or_waits_for_another_try() -> None:
    assert ALIVE | TERMINAL | {S.RETRY_PENDING} == set(S)
    assert not ALIVE & TERMINAL
    assert set(MOVES) == set(S)


def test_a_moment_without_a_zone_never_reaches_the_database(trading) -> None:
    market = trading(stock())
    order_id = in_status(market, S.PENDING)
    naive = market.clock.now().replace(tzinfo=None)
    with pytest.raises((TypeError, StatementError), match="needs a time zone"):
        market.ledger.book.intents.move(market.ledger.book.order(order_id), S.UNKNOWN, "", naive)
