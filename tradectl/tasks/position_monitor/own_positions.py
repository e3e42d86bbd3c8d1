"""Recommend what the rules of an own strategy would do with a position if the session closed at the current price."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec import Struct

from tradectl.execution.position_rules import HeldRules, HistoryOf, PositionRules, RulesMissing
from tradectl.execution.reentries import distrusted
from tradectl.ledger.rows import Position
from tradectl.model.history import History
from tradectl.model.money import show_rupees
from tradectl.ports import MarketData
from tradectl.strategy.rule_set import NO_TARGET


class Advice(Struct, frozen=True):
    """A recommendation with its reason. `target`: of today, in paise; None without a target."""

    recommendation: str
    reason: str
    target: int | None = None


class OwnView(Struct, frozen=True):
    """A position at the last price (paise). `history`: with the provisional bar of `session`. `scale`: M of that session."""

    position: Position
    history: History
    last: int
    scale: float
    tick: int
    session: date


def own_recommendation(view: OwnView, own: PositionRules, market: MarketData) -> Advice:
    """Return EXIT, REENTER or HOLD by the rules of the strategy that opened the position."""
    position, yesterday = view.position, view.session - timedelta(days=1)

    def until_yesterday(name: str) -> History | None:
        found = market.history(name)
        return found.through(yesterday) if found is not None else None

    def until_now(name: str) -> History | None:
        return view.history.through(view.session) if name == position.instrument_id else until_yesterday(name)

    morning = own.of(position, until_yesterday, scale=view.scale, day=view.session, before=view.session)
    compares = bool(own.compared(position))
    at_close: HistoryOf = until_yesterday if compares else until_now
    rules = own.of(position, at_close, scale=view.scale, day=view.session)
    for found in (morning, rules):
        if isinstance(found, RulesMissing):
            return Advice("HOLD", f"{found.reason}: no order of {position.strategy} is decided")
    if isinstance(morning, RulesMissing) or isinstance(rules, RulesMissing):
        raise AssertionError("missing rules have returned before")
    return _advice(view, morning, rules, market, compares=compares)


def _advice(view: OwnView, morning: HeldRules, rules: HeldRules, market: MarketData, *, compares: bool) -> Advice:
    levels = morning.levels(view.scale, view.tick)
    target = levels.target if levels.target != NO_TARGET else None
    when = f" on the close of {rules.decided}, since it compares symbols" if compares else ""
    if levels.stop is not None and view.last <= levels.stop:
        return Advice("EXIT", f"the price is at or below the stop of {show_rupees(levels.stop)}", target)
    if rules.exit_text:
        return Advice("EXIT", f"{rules.strategy}: exit {rules.exit_text}{when}", target)
    level = rules.reentry_level
    untrusted = distrusted(market, rules.rules.history, view.session) if level else ""
    if untrusted:
        return Advice("HOLD", untrusted, target)
    if level:
        return Advice("REENTER", f"{rules.strategy}: the condition of buy {level} is true{when}", target)
    parts = [f"{(target / view.last - 1) * 100:.2f} % to the target" if target is not None else "no target"]
    if morning.stops:
        known = levels.stop is not None
        parts.append(
            f"{(1 - (levels.stop or 0) / view.last) * 100:.2f} % above the stop" if known else "the stop has no level today"
        )
    return Advice("HOLD", f"{rules.strategy}: {', '.join(parts)}", target)
