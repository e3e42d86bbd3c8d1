"""Report that the recording of a session has ended. A recording never stops a trade, so this is a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.errors import TradectlError
from tradectl.model.message_kind import MessageKind
from tradectl.model.moment import ist_date

if TYPE_CHECKING:
    from tradectl.world import World


def report_recorder(world: World) -> str:
    """Return a line about a recording that has ended, and store it as a log line and a message, once a day; empty else."""
    trouble = world.recorder.trouble() if world.recorder is not None else ""
    if not trouble:
        return ""
    now, ledger = world.clock.now(), world.ledger
    text = (
        f"the recording of this session has ended: {trouble}. Trading goes on unchanged; `tradectl replay` cannot run the rest "
        "of the session again. Make room on the disk, or correct the permissions of the folder"
    )
    try:
        with ledger.database.note():
            key = f"not_recorded:{ist_date(now)}"
            if not ledger.outbox.add(now, "The session is not recorded", text, key, kind=MessageKind.NOTICE):
                return ""
            ledger.logs.append(now, "warning", "not_recorded", text)
    except TradectlError:
        return text  # the ledger has the same trouble, and the run reports that
    return text
