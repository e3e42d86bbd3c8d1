"""Whether a decision knew what came after it: made again with every later bar taken away, it must be the same.

Checked are whole evenings: what each symbol looked like, what was held, and what was ordered for the next session. They are drawn
where a peek would show: evenings with a signal, and evenings on which somebody was oversold and nobody was wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

import numpy as np

from tradectl.ports import Tell, silence
from tradectl.strategy.contenders import Contender
from tradectl.strategy.portfolio import Portfolio

Account = Callable[[Sequence[Contender]], Portfolio]
"""Opens the account that is checked, over these symbols."""
Cut = Callable[[date], Sequence[Contender]]
"""The same symbols as they were known on the evening of a session."""
PARTS = ("what the rules see", "how good it is", "what is held", "what is ordered", "what was traded")


@dataclass(frozen=True, slots=True)
class Checked:
    """`compared` decisions, one a symbol and evening, of so many `sessions`; `differences` in words, one a decision."""

    compared: int
    sessions: int
    differences: tuple[str, ...]


def look_ahead(
    contenders: Sequence[Contender], account: Account, cut: Cut, sessions: Sequence[date], tell: Tell = silence
) -> Checked:
    """Compare the evenings of `sessions`. A rule that asks for a bar that is not there yet is a difference too."""
    whole, compared = account(contenders), 0
    differences: list[str] = []
    for number, session in enumerate(sorted(sessions), 1):
        whole.through(session)
        known = evening(whole, session)
        compared += len(known)
        try:
            then = account(cut(session))
            then.through(session)
            found = evening(then, session)
        except IndexError:
            differences.append(f"{session}: a bar was asked for that was not there yet")
        else:
            differences += _differences(session, known, found)
        tell(session.isoformat(), number, len(sessions))
    return Checked(compared, len(sessions), tuple(differences))


def evening(portfolio: Portfolio, session: date) -> dict[str, tuple[Any, ...]]:
    """By instrument with a bar of that session, through whose end the account has gone: the `PARTS`, to the last bit."""
    orders = {buy.column: (number, buy.order, buy.sent) for number, buy in enumerate(portfolio.buys)}
    found = {}
    for column, (item, run) in enumerate(zip(portfolio.contenders, portfolio.runs, strict=True)):
        history = item.facts.history
        j = history.index(session)
        if j is not None:
            seen = repr(astuple(item.facts.features.reading(history, j)))  # as text: not a number equals itself
            held = (run.holding, run.level, run.buys, run.decided)
            found[history.instrument_id] = (seen, item.signals.get(j), held, orders.get(column), tuple(run.fills))
    return found


def _differences(session: date, known: dict[str, tuple[Any, ...]], found: dict[str, tuple[Any, ...]]) -> list[str]:
    words = []
    for name, decided in known.items():
        again = found.get(name, (None,) * len(PARTS))
        unequal = [part for part, one, other in zip(PARTS, decided, again, strict=True) if one != other]
        if unequal:
            words.append(f"{name} on {session}: {', '.join(unequal)}")
    return words


def evenings(contenders: Sequence[Contender], sessions: Sequence[date], count: int, seed: int) -> list[date]:
    """So many of the sessions, or all there are: by turns one with a signal and one on which somebody was only oversold."""
    wanted: set[int] = set()
    oversold: set[int] = set()
    for item in contenders:
        days, parameters = item.facts.history.sessions, item.facts.parameters
        wanted.update(days[list(item.signals)].tolist())
        oversold.update(days[item.facts.features.rsi < parameters.rsi_entry_above].tolist())
    generator = np.random.default_rng(seed)
    drawn = [sessions[i] for i in generator.permutation(len(sessions)).tolist()]
    signalled = [day for day in drawn if day.toordinal() in wanted]
    low = [day for day in drawn if day.toordinal() in oversold - wanted]
    pairs = [day for pair in zip(signalled, low, strict=False) for day in pair]
    return sorted(list(dict.fromkeys([*pairs, *signalled, *low, *drawn]))[:count])
