"""Let the list of buys wait for the operator's verdict, and permit exactly what the list contains.

The list is stored once for each session, with a hash of its lines. Its verdict is one conditional UPDATE. So a process that takes
over after a crash reads the same list and the same verdict. A dry run and a virtual clock do not wait: no phone can answer there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from tradectl.context import Context
from tradectl.ledger.approvals import Approval, ApprovalLine, Approvals, Verdict
from tradectl.ledger.rows import Intent
from tradectl.ledger.telegram_updates import any_paired
from tradectl.model.moment import at_ist, to_ist
from tradectl.model.money import grouped, show_rupees
from tradectl.strategy.parameters import time_of_day
from tradectl.task import Outcome

NEXT_LOOK = 15.0
"""Seconds between two reads of the verdict."""
AT_LEAST = timedelta(minutes=30)
"""How long a list waits at least, if `buy` makes it late, unless the window of `buy` closes before."""
TO_SEND = timedelta(minutes=2)
"""How long before the window closes a list expires, so that its orders can still be sent."""


class Permission(Struct, frozen=True):
    """What may be bought.

    Attributes:
        lines: The lines of the approved list; None: everything.
        refusal: Why nothing may be bought; empty if the lines may be.
        by: How the permission was given, for the decisions; empty without an approval.
    """

    lines: tuple[ApprovalLine, ...] | None = None
    refusal: str = ""
    by: str = ""

    def quantity(self, intent: Intent, most: int) -> int | str:
        """Return how many of at most `most` shares of a buy may be bought, or why none."""
        if self.lines is None:
            return most
        if self.refusal:
            return self.refusal
        about = (line for line in self.lines if (line.instrument_id, line.purpose) == (intent.instrument_id, str(intent.purpose)))
        line = next(about, None)
        if line is None:
            return "it is not in the approved list"
        if line.price != intent.price or line.quantity > most:
            was, now = (f"{grouped(q)} at {show_rupees(p)}" for q, p in ((line.quantity, line.price), (most, intent.price)))
            return f"the list has {was}, now at most {now} is possible"
        return line.quantity


EVERYTHING = Permission()
"""No approval is needed."""


def is_needed(context: Context) -> bool:
    """Return whether the buys of this run need an approval."""
    return context.world.parameters.buy_approval != "off" and not context.dry_run and not context.world.clock.virtual


def find(context: Context) -> Approval | None:
    """Return the list of this session; None if there is none yet."""
    return _approvals(context).of(context.session)


def outcome_while_waiting(context: Context) -> Outcome | None:
    """Return the outcome of a step that only waits for a verdict; None if there is a verdict, or no list yet.

    A list whose time is over expires here. The broker is not called."""
    if not is_needed(context):
        return None
    asked = find(context)
    if asked is None or asked.verdict is not None:
        return None
    if context.now < asked.until:
        return waiting_outcome(asked, {})
    if _approvals(context).decide(asked.session, asked.list_hash, Verdict.EXPIRED, context.now):
        sends = context.world.parameters.buy_approval == "send"
        text = f"no answer until {to_ist(asked.until):%H:%M}: {'the list is sent' if sends else 'nothing is bought'}"
        context.log("buys_expired", text, level="warning")
        context.notify("the list of buys got no answer", text, f"buys_expired:{asked.session}:{asked.list_hash}")
    return None


def ask(context: Context, for_session: date, lines: Sequence[ApprovalLine]) -> Approval:
    """Store the list and a message about it, in the caller's transaction; return the stored list."""
    asked = _approvals(context).ask(context.session, for_session, lines, asked_at=context.now, until=_until(context))
    sends = context.world.parameters.buy_approval == "send"
    rows = [f"{line.symbol} {grouped(line.quantity)} at {show_rupees(line.price)} = {show_rupees(line.amount)}" for line in lines]
    end = f"{to_ist(asked.until):%H:%M}"
    rows.append(
        f"A paired phone answers with /approve {asked.list_hash} or /reject {asked.list_hash} until {end}; "
        f"without an answer {'the list is sent' if sends else 'nothing is bought'}."
    )
    if not any_paired(context.world.ledger.settings):
        rows.append(
            "No phone is paired: `tradectl telegram pair` pairs one, `tradectl config unset buy_approval` ends the approval."
        )
    title = f"{len(lines)} buys for {for_session} wait for your approval"
    context.log("buys_wait", f"{title} until {end}, list {asked.list_hash}")
    context.notify(title, "\n".join(rows), f"buys_wait:{context.session}:{asked.list_hash}")
    return asked


def permission(context: Context, answered: Approval | None) -> Permission:
    """Return what a list and its verdict permit. Without a list there was nothing to buy, so nothing may be bought."""
    if answered is None:
        return Permission((), "")
    at = to_ist(answered.decided_at or context.now)
    if answered.verdict is Verdict.APPROVED:
        return Permission(answered.lines, by=f"approved by phone, {answered.decided_by}, {at:%H:%M}")
    if answered.verdict is Verdict.EXPIRED and context.world.parameters.buy_approval == "send":
        return Permission(answered.lines, by=f"no answer until {to_ist(answered.until):%H:%M}, sent as set")
    if answered.verdict is Verdict.REJECTED:
        return Permission((), f"rejected by phone, {answered.decided_by}, {at:%H:%M}")
    if answered.verdict is Verdict.EXPIRED:
        return Permission((), f"no answer until {to_ist(answered.until):%H:%M}, skipped as set")
    return Permission((), "the list has no verdict yet")


def waits_until(asked: Approval) -> str:
    """Return the reason of a decision about a buy that waits."""
    return f"waits for /approve {asked.list_hash} until {to_ist(asked.until):%H:%M}"


def waiting_outcome(asked: Approval, counts: Mapping[str, int]) -> Outcome:
    """Return the outcome of a step that waits."""
    result = dict(counts) | {"for_session": asked.for_session.isoformat(), "waits_for_approval": len(asked.lines)}
    return Outcome(
        result | {"list": asked.list_hash, "approval_until": to_ist(asked.until).isoformat()}, NEXT_LOOK, changed=False
    )


def _until(context: Context) -> datetime:
    """Return when the list expires: as set, at least `AT_LEAST` from now, and before the window of `buy` closes."""
    day, now = context.session, context.now
    wanted = max(at_ist(day, time_of_day(context.world.parameters.buy_approval_until)).astimezone(UTC), now + AT_LEAST)
    row = next((row for row in context.world.ledger.schedules.list() if row.task == "buy"), None)
    if row is None or row.until is None:
        return wanted
    return max(now, min(wanted, at_ist(day, row.until).astimezone(UTC) - TO_SEND))


def _approvals(context: Context) -> Approvals:
    return Approvals(context.world.ledger.database, context.world.user)
