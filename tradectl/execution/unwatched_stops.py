"""Name the stop of a position that is not watched: the target may rest at the exchange, the stop is no order there.

A resting sell at the target does not protect a position below its stop. The sell monitor finds that it has had no price
(`tasks.sell_monitor.stop_watch`); other commands find that the monitor does not run (`runtime.exposure`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from tradectl.execution.own_sells import NOT_KNOWN, STOP_RULE, rule_name
from tradectl.execution.position_rules import PositionRules, RulesMissing, has_own_rules
from tradectl.execution.unprotected_positions import Cause, Unprotected

if TYPE_CHECKING:
    from tradectl.ledger.rows import Position
    from tradectl.ledger.store import Ledger

TASK = "sell-monitor"
"""The task that records the stops of a session."""


def stop_of(ledger: Ledger, rules: PositionRules, position: Position, session: date) -> str:
    """Return the name of a position's stop in a session: its level, or its text before the level is known; empty for none.

    A stop that has no level today is announced as such by the sell monitor: no running monitor would sell at it."""
    if not has_own_rules(position):
        return ""
    rows = ledger.decisions.by_rule(TASK, session, "", rule_name(position.strategy, STOP_RULE))
    row = next((row for row in rows if row.inputs["position"] == position.id), None)
    if row is not None and row.verdict == NOT_KNOWN:
        return ""
    if row is not None and row.inputs["stop"] is not None:
        return f"the stop of {row.inputs['stop']}"
    found = rules.rule_of(position)
    if isinstance(found, RulesMissing) or not found[0].stops:
        return ""
    return f"the stop {dict(found[0].texts).get('stop', '')!r}"


def finding(position: Position, stop: str, why: str, *, since: datetime, as_of: datetime) -> Unprotected:
    """Return the finding about a position whose stop is not watched. `stop`: its name by `stop_of`; `why`: what prevents it."""
    of = (position.id, position.instrument_id, position.symbol, position.quantity, position.quantity)
    return Unprotected(*of, Cause.STOP_NOT_WATCHED, f"{stop} is not watched: {why}", since, as_of)
