"""`orders`: what was asked of the exchange, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradectl.cli import show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.options import Limit, Session, Symbol, parse_day

app = typer.Typer(cls=ListGroup, help="Orders: list, show one.")

COLUMNS = ("id", "session", "symbol", "side", "purpose", ">quantity", ">filled", ">price", "variety", "status", "reason")


@command(app, "list")
def listing(
    call: Call,
    session: Session = "",
    status: Annotated[str, typer.Option(help="Only this status, such as UNKNOWN.", metavar="STATUS")] = "",
    symbol: Symbol = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that may still trade or be tried again.")] = False,
    limit: Limit = 50,
) -> Answer:
    """Orders, newest first."""
    from tradectl.report import orders

    world = call.world(read_only=True)
    day = parse_day(session)
    found = orders.listing(
        world.ledger.database, world.user, session=day, status=status, symbol=symbol, open_only=open_only, limit=limit
    )
    return Answer(found, lambda: show.table(COLUMNS, (_row(item) for item in found), empty="No orders."), session=day)


@command(app, "show")
def one(
    call: Call, order: Annotated[str, typer.Argument(help="Its id, its tag, or the broker's order id.", metavar="ORDER")]
) -> Answer:
    """One order with everything that is known of it, and its fills."""
    from tradectl.report import orders

    world = call.world(read_only=True)
    found = orders.one(world.ledger.database, world.user, order)
    return Answer(found, lambda: _card(found))


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    return (
        item["id"], item["session_date"], item["symbol"], item["side"], item["purpose"], item["quantity"],
        item["filled_quantity"], show.rupees(item["price"]), item["variety"], item["status"], item["reason"],
    )  # fmt: skip


def _card(order: dict[str, Any]) -> str:
    facts = "\n".join(f"{name:18} {show.cell(value)}" for name, value in order.items() if name != "fills")
    fills = show.table(
        ("fill", "at", "side", ">quantity", ">price", ">charges"),
        [
            (
                fill["trade_id"],
                show.moment(fill["at"]),
                fill["side"],
                fill["quantity"],
                show.rupees(fill["price"]),
                fill["charges"],
            )
            for fill in order["fills"]
        ],
        title="Fills",
        empty="none",
    )
    return f"{facts}\n\n{fills}"
