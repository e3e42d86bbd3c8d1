"""Open the trading session of a command that a person runs.

It equals the trading session of a task, but its claim belongs to no execution, and no order can be placed under the claim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.cli.invocation import Invocation
    from tradectl.execution.trading_session import TradingSession


def trading(invocation: Invocation) -> TradingSession:
    """Return the trading session of the user's world. Its log lines and messages name the command."""
    from tradectl.context import Context
    from tradectl.ledger.executions import Claim

    world = invocation.world()
    session = ist_date(world.clock.now())
    return Context(world, session, "", Claim.none(world.user, invocation.command, session, "")).trading()


def keep_odd_rows(invocation: Invocation) -> None:
    """Store and announce the broker's rows that the trading session could not read; end those that can be read again."""
    from tradectl.execution import unreadable_row_findings

    world = invocation.world()
    ledger, now = world.ledger, world.clock.now()
    before = unreadable_row_findings.load(ledger, ist_date(now))
    unreadable_row_findings.save(ledger, ist_date(now), now, unreadable_row_findings.collect(ledger, ()), before)


def deliver(invocation: Invocation) -> None:
    """Send the messages of the trading session. A message that cannot be sent now waits for the next command."""
    world = invocation.world()
    world.ledger.outbox.deliver(world.notifier, world.clock)
