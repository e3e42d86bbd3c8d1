"""Store findings of unprotected positions among the decisions, and announce each once for each cause and again each hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tradectl.execution.unprotected_positions import Cause, Unprotected
from tradectl.ledger.rows import Decision
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import to_ist

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

TASK, RULE, COVERED = "sell-monitor", "unprotected", "protected"
"""The task and rule under which findings are stored among the decisions, and the verdict that ends a finding."""


REMIND_AFTER = timedelta(hours=1)
"""When the message about a position is repeated, while it stays unprotected."""


def load(ledger: Ledger, session: date) -> dict[str, Unprotected]:
    """Return the stored findings of a session that have not ended, by instrument id."""
    found = {}
    for row in ledger.decisions.by_rule(TASK, session, "", RULE):
        if row.verdict != COVERED:
            inputs = row.inputs
            found[row.instrument_id] = Unprotected(
                position_id=inputs["position"],
                instrument_id=row.instrument_id,
                symbol=row.symbol,
                shares=inputs["shares"],
                quantity=inputs["quantity"],
                cause=Cause(row.verdict),
                detail=row.reason,
                since=datetime.fromisoformat(inputs["since"]),
                as_of=row.at,
            )
    return found


def save(ledger: Ledger, session: date, now: datetime, found: Sequence[Unprotected], before: Mapping[str, Unprotected]) -> bool:
    """Store the findings of a step that differ from those `before`, end those that are gone, and announce new ones.

    Return whether anything was written."""
    changed = [item for item in found if not _same(item, before.get(item.instrument_id))]
    ended = [before[name] for name in before.keys() - {item.instrument_id for item in found}]
    if not changed and not ended:
        return False
    with ledger.database.note():
        ledger.decisions.record(TASK, session, "", [*map(_decision, changed), *map(_ended, ended)], now)
        for item in changed:
            announce(ledger, session, now, item)
        for item in ended:
            if item.cause is Cause.NO_TARGET:
                continue
            text = f"{item.symbol} is no longer unprotected (the cause was: {item.cause.replace('_', ' ')})"
            ledger.logs.append(now, "info", COVERED, text, task=TASK, symbol=item.symbol)
    return True


def announce(ledger: Ledger, session: date, now: datetime, finding: Unprotected) -> bool:
    """Queue a message and log a finding, once for each cause while the position stays uncovered; return whether it is new.

    A position that rests no sell by its rule is no news: `status` shows it."""
    if finding.cause is Cause.NO_TARGET:
        return False
    title = f"{finding.symbol} is unprotected" if finding.grave else f"{finding.symbol} cannot be sold yet"
    if finding.cause is Cause.STOP_NOT_WATCHED:
        title = f"The stop of {finding.symbol} is not watched"
    with ledger.database.note():
        new = ledger.outbox.add(now, title, finding.text, _key(session, finding), kind=_kind(finding))
        if new:
            level = "error" if finding.grave else "info"
            ledger.logs.append(now, level, RULE, finding.text, task=TASK, symbol=finding.symbol)
    return new


def remind(ledger: Ledger, session: date, now: datetime, findings: Iterable[Unprotected]) -> bool:
    """Queue and log a message for each grave finding whose last message is `REMIND_AFTER` old; return whether there is one."""
    reminded = False
    for finding in findings:
        if not finding.grave or now - finding.since < REMIND_AFTER:
            continue
        key = _key(session, finding)
        count, last = ledger.outbox.repeats(key)
        if last is None or now - last < REMIND_AFTER:
            continue
        title = f"{finding.symbol} is still unprotected, since {to_ist(finding.since):%H:%M}"
        with ledger.database.note():
            if ledger.outbox.add(now, title, finding.text, f"{key}:{count}", kind=MessageKind.UNPROTECTED):
                ledger.logs.append(now, "error", RULE, f"{title}: {finding.text}", task=TASK, symbol=finding.symbol)
                reminded = True
    return reminded


def _key(session: date, finding: Unprotected) -> str:
    return f"unprotected:{session}:{finding.position_id}:{finding.cause}:{finding.since:%H%M%S}"


def _kind(finding: Unprotected) -> MessageKind:
    return MessageKind.UNPROTECTED if finding.grave else MessageKind.NOTICE


def _same(finding: Unprotected, before: Unprotected | None) -> bool:
    """Return whether a finding equals the stored one; a different text alone, such as a moved price, does not count."""
    return before is not None and (finding.position_id, finding.shares, finding.quantity, finding.cause) == (
        before.position_id, before.shares, before.quantity, before.cause,
    )  # fmt: skip


def _decision(item: Unprotected) -> Decision:
    inputs = {"position": item.position_id, "shares": item.shares, "quantity": item.quantity, "since": item.since.isoformat()}
    return Decision(item.instrument_id, item.symbol, str(item.cause), RULE, item.detail, inputs)


def _ended(item: Unprotected) -> Decision:
    reason = f"it was unprotected before: {item.detail}"
    return Decision(item.instrument_id, item.symbol, COVERED, RULE, reason, {"position": item.position_id})
