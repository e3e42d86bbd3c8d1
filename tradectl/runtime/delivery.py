"""Sending what waits in the outbox, after the transaction that wrote it; what cannot be sent now waits for the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradectl.task import World


def deliver(world: World) -> int:
    """Send the waiting messages, oldest first, until one cannot be sent; how many were."""
    outbox, sent = world.ledger.outbox, 0
    for message in outbox.pending():
        if not world.notifier.send(message.title, message.body):
            outbox.mark_failed(message, world.notifier.trouble or "the notifier did not take it")
            break
        outbox.mark_sent(message, world.clock.now())
        sent += 1
    return sent
