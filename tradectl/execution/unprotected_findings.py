"""Unprotected positions on record: findings kept among the decisions, and announced once for each cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from tradectl.execution.unprotected_positions import Cause, Unprotected
from tradectl.ledger.rows import Decision

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

TASK, RULE, COVERED = "sell-monitor", "unprotected", "protected"
"""Under which task and rule a finding is kept among the decisions, and the verdict that ends one."""


def known(ledger: Ledger, session: date) -> dict[str, Unprotected]:
    """Return the findings of a session that the sell monitor has kept and not ended, by instrument id."""
    found = {}
    for row in ledger.decisions.by_rule(TASK, session, "", RULE):
        if row.verdict != COVERED:
            inputs = row.inputs
            found[row.instrument_id] = Unprotected(
                inputs["position"],
                row.instrument_id,
                row.symbol,
                inputs["shares"],
                inputs["quantity"],
                Cause(row.verdict),
                row.reason,
                datetime.fromisoformat(inputs["since"]),
                row.at,
            )
    return found


def keep(ledger: Ledger, session: date, now: datetime, found: Sequence[Unprotected], before: Mapping[str, Unprotected]) -> bool:
    """Write the findings of a step where they differ from those kept `before`, end those that are no more, and announce the new
    ones; return whether anything was written."""
    changed = [item for item in found if not _same(item, before.get(item.instrument_id))]
    ended = [before[name] for name in before.keys() - {item.instrument_id for item in found}]
    if not changed and not ended:
        return False
    with ledger.database.note():
        ledger.decisions.record(TASK, session, "", [*map(_decision, changed), *map(_ended, ended)], now)
        for item in changed:
            announce(ledger, session, now, item)
        for item in ended:
            text = f"{item.symbol} is no longer unprotected ({item.cause.replace('_', ' ')})"
            ledger.logs.append(now, "info", COVERED, text, task=TASK, symbol=item.symbol)
    return True


def announce(ledger: Ledger, session: date, now: datetime, finding: Unprotected) -> bool:
    """Send a message and write a log line about a finding; once for each cause while the position stays uncovered."""
    title = f"{finding.symbol} is unprotected" if finding.grave else f"{finding.symbol} cannot be sold yet"
    key = f"unprotected:{session}:{finding.position_id}:{finding.cause}:{finding.since:%H%M%S}"
    with ledger.database.note():
        new = ledger.outbox.add(now, title, finding.text, key)
        if new:
            level = "error" if finding.grave else "info"
            ledger.logs.append(now, level, RULE, finding.text, task=TASK, symbol=finding.symbol)
    return new


def _same(finding: Unprotected, before: Unprotected | None) -> bool:
    """Return whether nothing of it is news; a text alone, such as a price that moves, is none."""
    return before is not None and (finding.position_id, finding.shares, finding.quantity, finding.cause) == (
        before.position_id, before.shares, before.quantity, before.cause,
    )  # fmt: skip


def _decision(item: Unprotected) -> Decision:
    inputs = {"position": item.position_id, "shares": item.shares, "quantity": item.quantity, "since": item.since.isoformat()}
    return Decision(item.instrument_id, item.symbol, str(item.cause), RULE, item.detail, inputs)


def _ended(item: Unprotected) -> Decision:
    reason = f"it was unprotected before: {item.detail}"
    return Decision(item.instrument_id, item.symbol, COVERED, RULE, reason, {"position": item.position_id})
