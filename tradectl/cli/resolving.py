"""Build the answers of `orders resolve` and `orders adopt`: the facts of an order, and how to decide an UNKNOWN order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradectl.cli import output
from tradectl.cli.invocation import Answer
from tradectl.control_characters import one_line
from tradectl.errors import Ambiguous
from tradectl.model.money import to_rupees
from tradectl.report import orders
from tradectl.report.values import value

if TYPE_CHECKING:
    from tradectl.execution.manual_resolution import UnresolvedOrder
    from tradectl.ledger.rows import Order
    from tradectl.model.order import OrderReport
    from tradectl.world import World


def resolved_answer(world: World, order: Order, text: str) -> Answer:
    """Return the answer for an order whose outcome is known or decided; exit code 7 while its status is UNKNOWN."""
    found = orders.one(world.ledger.database, world.user, order.tag)
    code = Ambiguous.exit_code if found["status"] == "UNKNOWN" else 0
    return Answer({"order": found, "known": None}, f"order {order.id} {text}", exit_code=code)


def unresolved_answer(world: World, doubt: UnresolvedOrder) -> Answer:
    """Return the answer for an UNKNOWN order, with exit code 7: the facts, and the commands that decide it."""
    order = doubt.order
    found = orders.one(world.ledger.database, world.user, order.tag)
    lag = world.broker.capabilities.visibility_lag
    facts = {
        "sending_at": found["sending_at"],
        "sender": order.sender,
        "may_be_sending": doubt.may_be_sending,
        "sender_elsewhere": doubt.elsewhere,
        "absent_since": found["absent_since"],
        "visibility_lag": lag.total_seconds() if lag is not None else None,
        "promise": doubt.promise,
        "candidates": [_candidate(report) for report in doubt.candidates],
    }
    sender = "the process that was sending it has ended"
    if doubt.may_be_sending:
        sender = f"the process {order.sender} may still be sending the order: end that process first"
        sender += "; if it has ended, or its machine was rebooted since, add --sender-ended" if doubt.elsewhere else ""
    elif order.broker_order_id is not None:
        sender = f"the broker had it as {order.broker_order_id}, {order.filled_quantity} known to be filled"
    missed = f"missing from the broker's list since {output.moment(found['absent_since'])}" if found["absent_since"] else ""
    lines = [
        f"order {order.id}, {order.side} {order.quantity} {order.symbol} at {output.rupees(found['price'])} for {order.session}, "
        f"tag {order.tag}: UNKNOWN",
        f"why       {order.reason}",
        f"sent      {output.moment(found['sending_at'])}; {sender}",
        f"absence   {'; '.join(part for part in (missed, doubt.promise) if part)}",
        *(f"may be    {_described(item)}" for item in facts["candidates"]),
        "decide    look for it in the broker's own application, then run one of",
        f"          tradectl orders resolve {order.id} --never-placed            it is not there, or traded nothing",
        f"          tradectl orders resolve {order.id} --broker-order-id ID      it is there, without our tag",
        f"          tradectl orders resolve {order.id} --filled N --price RUPEES its day is over, the contract note has it",
    ]
    return Answer({"order": found, "known": facts}, "\n".join(map(one_line, lines)), exit_code=Ambiguous.exit_code)


def _candidate(report: OrderReport) -> dict[str, Any]:
    """Return the fields of an unexplained order in the broker's list; the price in rupees."""
    return {
        "broker_order_id": report.broker_order_id,
        "quantity": report.quantity,
        "price": to_rupees(report.price),
        "status": str(report.status),
        "filled_quantity": report.filled_quantity,
        "placed_at": value(report.placed_at),
    }


def _described(item: dict[str, Any]) -> str:
    what = f"{item['quantity']} at {output.rupees(item['price'])}, {item['status']}, {item['filled_quantity']} filled"
    return f"{item['broker_order_id']} of the broker's list: {what}, placed {output.moment(item['placed_at'])}"
