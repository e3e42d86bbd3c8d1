"""List orders, cancel them, and resolve those of unknown outcome (`orders`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import completion, operator, output
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import LOOK, Limit, Session, Symbol, parse_day
from tradectl.cli.user import rupees
from tradectl.errors import Ambiguous, BrokerUnavailable, OrderRefused, UsageError

if TYPE_CHECKING:
    from tradectl.execution.trading_session import TradingSession
    from tradectl.ledger.rows import Order

app = typer.Typer(name="orders", rich_help_panel=LOOK, cls=ListGroup, help="Orders: list, show, cancel, adopt, resolve.")
Name = Annotated[
    str, typer.Argument(help="Its id, its tag, or the broker's order id.", metavar="ORDER", autocompletion=completion.orders)
]

COLUMNS = ("id", "session", "symbol", "side", "purpose", ">quantity", ">filled", ">price", "variety", "status", "reason")
DROPPED_FIRST = ("variety", "purpose", "filled", "quantity", "id", "side")
"""What a narrow table of orders drops before the reason, which says why an order was refused. `orders show ID` has all of it."""


@command(app, "list")
def listing(
    invocation: Invocation,
    session: Session = "",
    status: Annotated[str, typer.Option(help="Only this status, such as UNKNOWN.", metavar="STATUS")] = "",
    symbol: Symbol = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that may still trade or be tried again.")] = False,
    limit: Limit = 50,
) -> Answer:
    """List orders, newest first."""
    from tradectl.report import orders
    from tradectl.report.notes import by_order

    world = invocation.world(read_only=True)
    day = parse_day(session)
    found = orders.listing(
        world.ledger.database, world.user, session=day, status=status, symbol=symbol, open_only=open_only, limit=limit
    )
    if symbol and not found:
        from tradectl.cli.known_values import check_symbol

        check_symbol(world, symbol)
    notes = by_order(world.ledger.notes.all())
    found = [item | {"notes": notes.get(item["id"], [])} for item in found]
    return Answer(found, lambda: _list(found), session=day)


@command(app, "show")
def one(invocation: Invocation, order: Name) -> Answer:
    """Show one order with all that is known of it, its fills and its notes."""
    from tradectl.report import orders
    from tradectl.report.notes import by_order

    world = invocation.world(read_only=True)
    found = orders.one(world.ledger.database, world.user, order)
    found["notes"] = by_order(world.ledger.notes.all()).get(found["id"], [])
    return Answer(found, lambda: _card(found))


def _list(found: list[dict[str, Any]]) -> str:
    """Return the table of orders; a column with notes only if there are any."""
    noted = any(item["notes"] for item in found)
    named = output.strategy_column(found)
    rows = ((*_row(item), *(item[name] for name in named), *([output.notes(item["notes"])] * noted)) for item in found)
    return output.table((*COLUMNS, *named, *(["note"] * noted)), rows, empty="No orders.", first=DROPPED_FIRST)


def _row(item: dict[str, Any]) -> tuple[Any, ...]:
    return (
        item["id"], item["session_date"], item["symbol"], item["side"], item["purpose"], item["quantity"],
        item["filled_quantity"], output.rupees(item["price"]), item["variety"], item["status"], item["reason"],
    )  # fmt: skip


def _card(order: dict[str, Any]) -> str:
    facts = "\n".join(f"{name:18} {output.cell(value)}" for name, value in order.items() if name not in {"fills", "notes"})
    notes = "".join(f"\n{output.moment(note['at'])[:16]}  {output.notes([note])}" for note in order["notes"])
    fills = output.table(
        ("fill", "at", "side", ">quantity", ">price", ">charges"),
        [
            (
                fill["trade_id"],
                output.moment(fill["at"]),
                fill["side"],
                fill["quantity"],
                output.rupees(fill["price"]),
                fill["charges"],
            )
            for fill in order["fills"]
        ],
        title="Fills",
        empty="none",
    )
    return f"{facts}\n\n{fills}" + (f"\n\nNotes{notes}" if notes else "")


# -- cancel ---------------------------------------------------------------------------------------------------------------

CODES = {
    "cancelled": 0, "rejected": 0, "filled": OrderRefused.exit_code, "alive": OrderRefused.exit_code,
    "not_sent": BrokerUnavailable.exit_code, "unconfirmed": Ambiguous.exit_code, "unknown": Ambiguous.exit_code,
}  # fmt: skip
"""The exit code of each result of a cancel."""
GRAVEST = (Ambiguous.exit_code, BrokerUnavailable.exit_code, OrderRefused.exit_code)
"""The exit codes of `CODES`, the gravest first."""
ENDED = {
    "cancelled": "cancelled", "rejected": "was rejected meanwhile", "filled": "was filled meanwhile", "alive": "is still alive",
    "not_sent": "is still alive", "unconfirmed": "may still be alive", "unknown": "it is not known whether it is at the exchange",
}  # fmt: skip


@command(app)
def cancel(
    invocation: Invocation,
    order: Annotated[
        str,
        typer.Argument(help="Its id, its tag, or the broker's order id.", metavar="[ORDER]", autocompletion=completion.orders),
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every order that may still trade or be sent.")] = False,
) -> Answer:
    """Cancel an order, and read at the broker whether it has ended. Allowed in every trading state."""
    if bool(order) == every:
        raise UsageError("name an ORDER, or use --all")
    found = cancel_all(invocation) if every else _cancel_one(invocation, order)
    return Answer(found, lambda: cancelled_text(found), exit_code=gravest(found))


def cancel_all(invocation: Invocation) -> dict[str, Any]:
    """Cancel every unfinished order except unidentified ones, which another home may own. Return the result."""
    trading = operator.trading(invocation)
    return _cancelled(invocation, trading, [order for order in trading.snapshot.orders if order.purpose != "unidentified"])


def _cancel_one(invocation: Invocation, name: str) -> dict[str, Any]:
    from tradectl.execution.manual_resolution import find_order

    trading = operator.trading(invocation)
    order = find_order(trading.book, name)
    if order.status in {"EXECUTED", "REJECTED"}:
        raise UsageError(f"order {order.id} is {order.status}: there is nothing left to cancel")
    return _cancelled(invocation, trading, [order])


def _cancelled(invocation: Invocation, trading: TradingSession, orders: list[Order]) -> dict[str, Any]:
    from tradectl.execution import manual_resolution
    from tradectl.report import orders as report

    world = invocation.world()
    ended = manual_resolution.cancel(trading, orders)
    operator.deliver(invocation)
    database = world.ledger.database
    results = [
        report.one(database, world.user, item.order.tag) | {"cancel": str(item.outcome), "cancel_reason": item.reason}
        for item in ended
    ]
    return {"orders": results, "trading_state": trading.snapshot.trading_state}


def gravest(found: dict[str, Any]) -> int:
    """Return the exit code of cancels: 7 if an outcome is unknown, 6 if not sent, 11 if refused or filled, else 0."""
    codes = {CODES[item["cancel"]] for item in found["orders"]}
    return next((code for code in GRAVEST if code in codes), 0)


def cancelled_text(found: dict[str, Any]) -> str:
    """Return a line for each order, and a note on sells that the monitor places again."""
    found = output.flat(found)
    lines = [_ended(item) for item in found["orders"]] or ["there is no order to cancel"]
    sells = any(item["side"] == "SELL" and item["cancel"] == "cancelled" for item in found["orders"])
    if sells and found["trading_state"] != "HALTED":
        lines.append("sell-monitor will place a new sell for the position: `tradectl halt` prevents it")
    return "\n".join(lines)


def _ended(item: dict[str, Any]) -> str:
    filled = f", {item['filled_quantity']} filled before" if item["filled_quantity"] and item["cancel"] == "cancelled" else ""
    why = f": {item['cancel_reason']}" if item["cancel_reason"] and item["cancel"] not in {"cancelled", "filled"} else ""
    hint = f"; see `tradectl orders resolve {item['id']}`" if item["cancel"] == "unknown" else ""
    what = f"{item['side']} {item['quantity']} {item['symbol']} at {output.rupees(item['price'])}"
    return f"order {item['id']}, {what}: {ENDED[item['cancel']]}{filled}{why}{hint}"


# -- adopt ----------------------------------------------------------------------------------------------------------------


@command(app)
def adopt(
    invocation: Invocation,
    order: Name,
    not_ours: Annotated[
        bool, typer.Option("--not-ours", help="It belongs to another ledger or to you: leave it at the broker.")
    ] = False,
) -> Answer:
    """Adopt an order that the broker has under a tag of tradectl, and that this ledger cannot explain."""
    from tradectl.cli.resolving import resolved_answer
    from tradectl.execution import manual_resolution

    trading = operator.trading(invocation)
    found = manual_resolution.find_unidentified(trading, order)
    decided = manual_resolution.disown(trading, found) if not_ours else manual_resolution.adopt(trading, found)
    operator.deliver(invocation)
    if not_ours:
        return resolved_answer(invocation.world(), decided, f"is not ours: tradectl trades {decided.symbol} again")
    return resolved_answer(
        invocation.world(), decided, f"is ours now: {decided.status}, {decided.filled_quantity} of {decided.quantity} filled"
    )


# -- resolve --------------------------------------------------------------------------------------------------------------


@command(app)
def resolve(
    invocation: Invocation,
    order: Name,
    never_placed: Annotated[
        bool, typer.Option("--never-placed", help="You have seen at the broker that it does not exist, or traded nothing.")
    ] = False,
    broker_order_id: Annotated[
        str, typer.Option("--broker-order-id", help="You have seen that it is this order of the broker's list.", metavar="ID")
    ] = "",
    filled: Annotated[
        int | None,
        typer.Option("--filled", help="Total shares on the contract note.", min=1, metavar="QUANTITY"),
    ] = None,
    price: Annotated[str, typer.Option("--price", help="With --filled: rupees per share.", metavar="RUPEES")] = "",
    sender_ended: Annotated[
        bool,
        typer.Option(
            "--sender-ended",
            help="With an option above: you confirm that the sending process, on another machine or before a reboot, has ended.",
        ),
    ] = False,
) -> Answer:
    """Read the broker again for an UNKNOWN order, show what is known of it, or record what you have seen yourself."""
    from tradectl.cli.resolving import resolved_answer, unresolved_answer
    from tradectl.execution import manual_resolution

    if never_placed + bool(broker_order_id) + (filled is not None) > 1:
        raise UsageError("--never-placed, --broker-order-id and --filled exclude each other")
    if price and filled is None:
        raise UsageError("--price needs --filled")
    decides = never_placed or bool(broker_order_id) or filled is not None
    if sender_ended and not decides:
        raise UsageError("--sender-ended needs --never-placed, --broker-order-id or --filled")
    paise = rupees(price) if price else None
    trading = operator.trading(invocation)
    doubt = manual_resolution.check_unresolved(trading, order)
    operator.deliver(invocation)
    if not isinstance(doubt, manual_resolution.UnresolvedOrder):
        if decides:
            raise UsageError(f"nothing is left to decide: the broker's list shows that order {doubt.id} is {doubt.status}")
        return resolved_answer(invocation.world(), doubt, f"is known now: {doubt.status}")
    if sender_ended:
        doubt = doubt.sender_ended()
    if never_placed:
        return resolved_answer(
            invocation.world(),
            manual_resolution.resolve_never_placed(trading, doubt),
            "is CANCELLED: you decided that it was never placed",
        )
    if broker_order_id:
        joined = manual_resolution.resolve_joined(trading, doubt, broker_order_id)
        return resolved_answer(invocation.world(), joined, f"is {broker_order_id} at the broker, and {joined.status}")
    if filled is not None:
        ended = manual_resolution.resolve_filled(trading, doubt, filled, paise)
        return resolved_answer(
            invocation.world(), ended, f"is {ended.status}, {ended.filled_quantity} of {ended.quantity} filled"
        )
    return unresolved_answer(invocation.world(), doubt)
