"""The adapter kit: numbered cards, each a promise of `ports.Broker` and a short play that breaks where it is not kept.

A card is played on a *bench* (`Bench`): the adapter under test, the clock, and, where a wire lies between, the server at its
other end, which can go wrong. Every adapter passes every card; a card whose promise a broker does not make (its capabilities say
so) is played the other way round, not left out.

bench      what a card plays with; an adapter's test makes one
benches    the paper exchange, and an adapter before its sandbox
vault      credentials and a session in memory
deck       cards, and how they say that a promise is broken
orders, overnight, account, wire   the cards
"""

from tradectl.lab.conformance import account_cards, failure_cards, order_cards, overnight_cards
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import Broken, Card

__all__ = ["CARDS", "Bench", "Broken", "Card"]

CARDS: dict[int, Card] = dict(
    enumerate((*order_cards.CARDS, *overnight_cards.CARDS, *account_cards.CARDS, *failure_cards.CARDS), 1)
)
"""All cards by number."""
