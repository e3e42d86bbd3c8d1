"""Provide the conformance cards: numbered rules of `ports.Broker`, each with a short test that fails if a broker breaks it.

A card runs on a *bench*: the adapter under test, the clock, and the sandbox that the adapter connects to and that can fail. Every
adapter must pass every card. If a broker's capabilities exclude a rule, the card checks the opposite.

bench          the bench, with versions for the paper exchange and for an adapter
memory_vault   credentials and a session in memory
card           the class of a card, and the error of a broken rule
order_cards, overnight_cards, account_cards, failure_cards   the cards
"""

from tradectl.lab.conformance import account_cards, failure_cards, order_cards, overnight_cards
from tradectl.lab.conformance.bench import Bench
from tradectl.lab.conformance.card import Broken, Card

__all__ = ["CARDS", "Bench", "Broken", "Card"]

CARDS: dict[int, Card] = dict(
    enumerate((*order_cards.CARDS, *overnight_cards.CARDS, *account_cards.CARDS, *failure_cards.CARDS), 1)
)
"""All cards by number."""
