"""What the order of a day's candidates is worth: the same account with the candidates taken in random order, many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradectl.backtest.candidates import Contender
from tradectl.backtest.portfolio import Portfolio
from tradectl.model.money import Paise
from tradectl.ports import Tell, silence
from tradectl.research.walk_forward import Span


@dataclass(frozen=True, slots=True)
class RandomOrders:
    """The final equity (paise) of the account by rank and of each random order. `worse`, `equal`: shares of the random orders
    that ended below, and with the very same paise."""

    own: Paise
    drawn: tuple[Paise, ...]

    @property
    def worse(self) -> float:
        return sum(equity < self.own for equity in self.drawn) / len(self.drawn)

    @property
    def equal(self) -> float:
        return sum(equity == self.own for equity in self.drawn) / len(self.drawn)


def random_orders(
    contenders: Sequence[Contender], span: Span, own: Portfolio, *, count: int, seed: int, tell: Tell = silence
) -> RandomOrders:
    """`count` accounts like `own`, which has gone to its end, each with an order of its own. The n-th is the same for the same
    seed, however many there are."""
    drawn = []
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        portfolio = Portfolio(contenders, span, own.capital, generator.shuffle)
        portfolio.run()
        drawn.append(portfolio.marks[-1].equity)
        tell("", number + 1, count)
    return RandomOrders(own.marks[-1].equity, tuple(drawn))
