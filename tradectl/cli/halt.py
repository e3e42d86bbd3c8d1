"""`halt` and `resume`: what may be sent, at once and for every process.

Each order's last permission is read in the transaction that marks it as being sent; so from this command's commit on
nothing more goes out, whoever was about to send it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.options import OPERATE
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from tradectl.ledger.users import User
    from tradectl.task import World

app = typer.Typer()
WHAT = {"HALTED": "nothing is sent but cancels", "REDUCING": "only exits are sent", "ACTIVE": "everything may be sent"}
Reason = Annotated[str, typer.Option("--reason", help="Why, for status, logs and refusals.", metavar="TEXT")]


@command(app, panel=OPERATE)
def halt(
    call: Call,
    reducing: Annotated[bool, typer.Option("--reducing", help="Let exits pass; only buys are stopped.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Then cancel every order, as `orders cancel --all` does.")] = False,
    reason: Reason = "by hand",
) -> Answer:
    """Send nothing any more but cancels, until `resume`: at once, for every process, and after every restart."""
    world = call.world()
    wanted, only_from = ("REDUCING", ("ACTIVE", "REDUCING")) if reducing else ("HALTED", ("ACTIVE", "REDUCING", "HALTED"))
    before, after = _set(world, wanted, reason, only_from, action="reducing" if reducing else "halted")
    if after.trading_state != wanted:
        raise UsageError(f"{world.user} is HALTED, {after.state_reason}: `resume` first, then `halt --reducing`")
    found = _found(world, before, after)
    if not cancel:
        return Answer(found, lambda: _text(found))
    from tradectl.cli import orders

    cancelled = orders.cancel_all(call)
    found |= {"cancelled": cancelled["orders"], **_count(world)}
    code = orders.gravest(cancelled)
    return Answer(found, lambda: f"{_text(found)}\n\n{orders.cancelled_text(cancelled)}", exit_code=code)


@command(app, panel=OPERATE)
def resume(call: Call, reason: Reason = "by hand") -> Answer:
    """Let everything be sent again: ends what `halt` or a daily limit has set."""
    world = call.world()
    before, after = _set(world, "ACTIVE", "", ("REDUCING", "HALTED"), action="resumed", why=reason)
    found = _found(world, before, after)
    return Answer(found, lambda: _text(found))


def _set(world: World, wanted: str, reason: str, only_from: tuple[str, ...], *, action: str, why: str = "") -> tuple[User, User]:
    """The user before and after, changed and logged in one transaction; one whom a person has put there already stays as it
    is, a limit's REDUCING becomes a person's."""
    ledger = world.ledger
    with ledger.database.write():
        before = ledger.users.get(world.user)
        if before.trading_state == wanted and before.state_until is None:
            return before, before
        after = ledger.users.set_trading_state(world.user, wanted, reason, only_from=only_from)
        if after.trading_state == wanted:
            text = f"{WHAT[wanted]}: {why or reason} (was {before.trading_state})"
            ledger.logs.append(world.clock.now(), "warning", action, text)
    return before, after


def _count(world: World) -> dict[str, Any]:
    orders = world.ledger.book.snapshot().orders
    live = [order for order in orders if order.alive and not order.waiting]
    return {"live_orders": len(live), "waiting_orders": len(orders) - len(live)}


def _found(world: World, before: User, after: User) -> dict[str, Any]:
    return {
        "trading_state": after.trading_state,
        "state_reason": after.state_reason,
        "before": before.trading_state,
        "changed": before != after,
        **_count(world),
    }


def _text(found: dict[str, Any]) -> str:
    found = show.flat(found)
    state, live, waiting = found["trading_state"], found["live_orders"], found["waiting_orders"]
    why = f", {found['state_reason']}" if found["state_reason"] else ""
    lines = [f"{state}{why}: {WHAT[state]}" if found["changed"] else f"{state} already{why}: nothing is changed"]
    if state != "ACTIVE" and live:
        lines.append(f"{live} {_orders(live)} at the exchange, and may trade: `tradectl orders cancel --all` takes them back")
    if state == "HALTED" and waiting:
        lines.append(f"{waiting} wait to be sent, and go on waiting until their session ends")
    return "\n".join(lines)


def _orders(count: int) -> str:
    return "order rests" if count == 1 else "orders rest"
