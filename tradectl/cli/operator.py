"""Trading for commands that a person runs: the same as a task's, under a claim that no process takes over and that sends no
order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.cli.invocation import Invocation
    from tradectl.execution.desk import Desk


def desk(invocation: Invocation) -> Desk:
    """Return the desk of the user's world; its log lines and messages name the command."""
    from tradectl.ledger.executions import Claim
    from tradectl.task import Context

    world = invocation.world()
    session = ist_date(world.clock.now())
    return Context(world, session, "", Claim.none(world.user, invocation.command, session, "")).desk()


def keep_odd_rows(invocation: Invocation) -> None:
    """Store and report the broker's unreadable rows; end those that can be read again."""
    from tradectl.execution import odd_record

    world = invocation.world()
    ledger, now = world.ledger, world.clock.now()
    before = odd_record.known(ledger, ist_date(now))
    odd_record.keep(ledger, ist_date(now), now, odd_record.gathered(ledger, ()), before)


def deliver(invocation: Invocation) -> None:
    """Send the messages of the desk; a message that cannot be sent now waits for the next command."""
    from tradectl.runtime.delivery import deliver

    deliver(invocation.world())
