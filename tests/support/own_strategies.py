"""Positions of own strategies: their text in the ledger, and buys that they decided."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from tests.support.trading import D, T, Trading, entry
from tradectl.ledger.rows import Order
from tradectl.ledger.strategies import StoredStrategy
from tradectl.model.order import Purpose
from tradectl.strategy.strategy import EXPRESSIONS
from tradectl.strategy.strategy_forms import strategy_of

NAME = "dip"


def text_of(**parts: str | int | list[str]) -> str:
    """Return a strategy file. A part that is no text is written as a number, or as a list of texts."""
    lines = [f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}" for name, value in parts.items()]
    return "\n".join(['entry = "close > 0"', *lines]) + "\n"


def keep(market: Trading, text: str, name: str = NAME) -> str:
    """Store a strategy as `strategy use` does; return its hash."""
    strategy = strategy_of(name, EXPRESSIONS, text)
    market.ledger.strategies.store(StoredStrategy(strategy.hash, name, EXPRESSIONS, text), market.clock.now())
    return strategy.hash


def own_buy(
    market: Trading,
    hash_: str,
    quantity: int,
    price: int,
    *,
    session: date = D,
    position_id: int | None = None,
    decided: date = T,
) -> Order:
    """Place a buy of a strategy: an entry, or the next buy of a position."""
    intent = replace(entry(quantity, price, session=session), strategy=NAME, strategy_hash=hash_, level=1, decided=decided)
    if position_id is not None:
        intent = replace(intent, purpose=Purpose.REENTRY, leg=f"P{position_id}:2", position_id=position_id, level=2)
    found = market.trading(market.claim("test", session)).path.place(intent)
    market.ledger.executions.finish(market.claim_of("test"), "failed", {}, now=market.clock.now(), steps=1)
    assert found.order is not None, found.reason
    return found.order
