"""Compute the sell that an own strategy wants for a position: at its target, for its exit, or at its stop.

The stop is no order at the exchange. The monitor compares each last price with it. Once a last price is at or below the stop, the
position is sold, also if the price recovers: the ledger keeps that for the session before a command is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from tradectl.execution.position_rules import HeldRules, PositionRules, RulesMissing
from tradectl.execution.trading_session import TradingSession
from tradectl.ledger.rows import Decision, Position
from tradectl.model.market import Quote
from tradectl.model.message_kind import MessageKind
from tradectl.model.money import show_rupees, to_rupees
from tradectl.model.order import Purpose
from tradectl.strategy import exits
from tradectl.strategy.parameters import Parameters
from tradectl.strategy.rule_set import NO_TARGET
from tradectl.strategy.trusted_prices import opening_jump

STOP_RULE = "stop-level"
"""The rule of the decisions about stops, after the name of the strategy."""
WATCHED, NOT_KNOWN, REACHED = "watched", "unknown", "reached"
"""The verdicts of these decisions: the stop is compared with each last price, has no level today, or a last price reached it."""
ONLY_WHILE_IT_RUNS = "it protects only while sell-monitor runs"

Stored = Callable[[str], Iterable[Any]]
"""Return the decisions of the run under one rule."""

DECIDE = "`tradectl data actions list` shows what is known; `set` or `ignore` decides it"


class DesiredSell(Struct, frozen=True):
    """The sell order that a position should have now. `price` and `last`, the last price, in paise."""

    purpose: Purpose
    price: int
    reason: str
    last: int
    quantity: int = 0


class OwnTerms(Struct, frozen=True):
    """The sell prices of an own strategy's position in one session, in paise.

    Attributes:
        scale: The multiplier of the session.
        target: None without a target today.
        stop: None without a stop today.
        leaves: The exit condition that sells at the open; empty if it is not true.
        decided: The session whose close decides.
    """

    scale: float
    target: int | None
    stop: int | None
    leaves: str
    decided: date
    rules: HeldRules


@dataclass(frozen=True)
class OwnSells:
    """The sells of the positions of own strategies in one session; one object serves all steps of a run.

    `ceiling` returns the lowest target of earlier sessions, which today's must not exceed; None where there is none.
    `outdated` returns whether a last bar is too old to price a sell. `stored` returns the run's decisions under one rule.
    """

    trading: TradingSession
    rules: PositionRules
    parameters: Parameters
    session: date
    decide: Callable[[list[Decision]], None]
    outdated: Callable[[date], bool]
    ceiling: Callable[[Position, float, int], int | None]
    stored: Stored
    _known: dict[tuple[int, int, int | None], OwnTerms | RulesMissing] = field(default_factory=dict, repr=False, compare=False)
    _reached: dict[str, set[int]] = field(default_factory=dict, repr=False, compare=False)

    def desired(self, position: Position, quote: Quote, *, watch: bool) -> DesiredSell | None:
        """Return the sell that a position should have at the last price; None for no sell, or where data are missing.

        `watch`: record that the last price reached the stop. Not while a corporate action makes the levels doubtful."""
        terms = self.terms(position, quote)
        if isinstance(terms, RulesMissing):
            reached = position.id in self._reached_by(position)
            return self._at_once(Purpose.STOP, position, quote, "the stop was reached before") if reached else None
        if terms.leaves:
            return self._at_once(Purpose.EXIT, position, quote, f"exit {terms.leaves}")
        if self._stopped(position, quote, terms, watch=watch):
            return self._at_once(Purpose.STOP, position, quote, _stop_text(terms, quote))
        if terms.target is None:
            return None
        reason = f"target {terms.rules.text('target')}, last {quote.last / 100:.2f}"
        return DesiredSell(Purpose.TARGET, terms.target, reason, quote.last)

    def terms(self, position: Position, quote: Quote) -> OwnTerms | RulesMissing:
        """Return the sell prices of the session, computed once for the same buys; or why there are none."""
        key = position.id, position.bought, quote.open
        if key not in self._known:
            self._known[key] = self._computed(position, quote)
            self._tell_stop(position, self._known[key])
        return self._known[key]

    def without_target(self, position: Position, quote: Quote) -> str:
        """Return why a position rests no sell by its own rule, as text; empty where a sell should rest, or data are missing."""
        terms = self.terms(position, quote)
        if isinstance(terms, RulesMissing) or self.desired(position, quote, watch=False) is not None:
            return ""
        found = "has no target" if not terms.rules.targets else "has no level for its target today"
        if not terms.rules.stops:
            stop = "It has no stop"
        elif terms.stop is None:
            stop = "Its stop has no level today"
        else:
            stop = f"sell-monitor sells at its stop of {show_rupees(terms.stop)}: {ONLY_WHILE_IT_RUNS}"
        return f"its strategy {position.strategy} {found}. {stop}"

    def _computed(self, position: Position, quote: Quote) -> OwnTerms | RulesMissing:
        market = self.trading.market
        scale = market.multiplier(position.instrument_id, self.session, quote.open)
        if scale is None:
            return RulesMissing("there is no open price on the day of a demerger")
        yesterday = self.session - timedelta(days=1)

        def until_yesterday(name: str) -> Any:
            history = market.history(name)
            return history.through(yesterday) if history is not None else None

        rules = self.rules.of(position, until_yesterday, scale=scale, day=self.session, before=self.session)
        if isinstance(rules, RulesMissing):
            return rules
        if self.outdated(rules.decided):
            text = f"the last bar is of {rules.decided}, too old for a price of today; `tradectl prices --force` fetches bars"
            return RulesMissing(text)
        if quote.open is not None:
            actions = market.actions(position.instrument_id, rules.decided + timedelta(days=1), self.session)
            jump = opening_jump(rules.rules.history, quote.open, scale, actions)
            if jump:
                return RulesMissing(f"{jump}: with a split that is not known the stop would sell at once. {DECIDE}")
        tick = self.trading.rules.tick_size(position.instrument_id, self.session)
        levels = rules.levels(scale, tick)
        target = levels.target if levels.target != NO_TARGET else None
        if target is not None and self.parameters.freeze == "position":
            before = self.ceiling(position, scale, tick)
            target = target if before is None else min(target, before)
        return OwnTerms(scale, target, levels.stop, rules.exit_text, rules.decided, rules)

    def _at_once(self, purpose: Purpose, position: Position, quote: Quote, reason: str) -> DesiredSell:
        """Return a sell that trades at once: a limit slightly below the last price, and not below the day's band."""
        tick = self.trading.rules.tick_size(position.instrument_id, self.session)
        price = exits.rsi_exit_price(quote.last, tick, self.parameters)
        if quote.lower_band is not None:
            price = max(price, -(-quote.lower_band // tick) * tick)
        return DesiredSell(purpose, price, reason, quote.last)

    def _stopped(self, position: Position, quote: Quote, terms: OwnTerms, *, watch: bool) -> bool:
        """Return whether a last price of the session reached the stop; record it the first time."""
        reached = self._reached_by(position)
        if position.id in reached:
            return True
        if terms.stop is None or quote.last > terms.stop:
            return False
        if watch:
            text = _stop_text(terms, quote)
            self._record(position, REACHED, f"{text}: all shares are sold in this session", terms)
            reached.add(position.id)  # only what is stored survives a restart
            self.trading.log("stop_reached", f"{position.symbol}: {text}", position.symbol)
        return True

    def _reached_by(self, position: Position) -> set[int]:
        """Return the positions of a strategy whose stop was reached in this session, also before a restart of the monitor."""
        known = self._reached.get(position.strategy)
        if known is None:
            rows = self.stored(rule_name(position.strategy, STOP_RULE))
            known = self._reached[position.strategy] = {row.inputs["position"] for row in rows if row.verdict == REACHED}
        return known

    def _tell_stop(self, position: Position, terms: OwnTerms | RulesMissing) -> None:
        """Record the stop of the session for `status`; log and announce one whose level is not known."""
        if isinstance(terms, RulesMissing) or not terms.rules.stops or position.id in self._reached_by(position):
            return
        if terms.stop is not None:
            self._record(position, WATCHED, f"stop at {show_rupees(terms.stop)}; {ONLY_WHILE_IT_RUNS}", terms)
            return
        text = f"the stop {terms.rules.text('stop')!r} has no level on the close of {terms.decided}: no stop protects it today"
        self._record(position, NOT_KNOWN, text, terms)
        self.trading.log("stop_unknown", f"{position.symbol}: {text}", position.symbol, level="warning")
        title = f"{position.symbol} has no stop today"
        self.trading.notify(title, f"{position.symbol}: {text}", f"stop:{self.session}:{position.id}", MessageKind.UNPROTECTED)

    def _record(self, position: Position, verdict: str, reason: str, terms: OwnTerms) -> None:
        inputs = {
            **strategy_inputs(position),
            "position": position.id,
            "stop": to_rupees(terms.stop) if terms.stop is not None else None,
            "target": to_rupees(terms.target) if terms.target is not None else None,
        }
        rule = rule_name(position.strategy, STOP_RULE)
        self.decide([Decision(position.instrument_id, position.symbol, verdict, rule, reason, inputs)])


def rule_name(strategy: str, rule: str) -> str:
    """Return the rule of a decision of an own strategy."""
    return f"{strategy}:{rule}"


def strategy_inputs(position: Position) -> Mapping[str, Any]:
    """Return the strategy of a position for a decision."""
    return {"strategy": position.strategy, "strategy_hash": position.strategy_hash[:12]}


def _stop_text(terms: OwnTerms, quote: Quote) -> str:
    stop = show_rupees(terms.stop) if terms.stop is not None else "not known now"
    return f"the stop of {stop} was reached, last {quote.last / 100:.2f}"
