"""The conformance cards: numbered promises of `ports.Broker`, each with a short play that fails where it is not kept.

A card is played on a *bench*: the adapter under test, the clock, and the sandbox at the other end of its connections, which can
fail. Every adapter passes every card. Where a broker's capabilities do not make a promise, its card checks the opposite.

bench          what a card plays with: an adapter's test makes one; here are those of the paper exchange and of an adapter
memory_vault   credentials and a session in memory
card           cards, and the errors of a broken promise
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
