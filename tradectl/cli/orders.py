"""`orders`: what was asked of the exchange, what became of it, and what a person decides about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import hand, show
from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.group import ListGroup
from tradectl.cli.options import LOOK, Limit, Session, Symbol, parse_day
from tradectl.cli.user import rupees
from tradectl.errors import Ambiguous, BrokerUnavailable, OrderRefused, UsageError

if TYPE_CHECKING:
    from tradectl.execution.trading_session import TradingSession
    from tradectl.ledger.rows import Order

app = typer.Typer(name="orders", rich_help_panel=LOOK, cls=ListGroup, help="Orders: list, show one, cancel, resolve.")
Name = Annotated[str, typer.Argument(help="Its id, its tag, or the broker's order id.", metavar="ORDER")]

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
def one(call: Call, order: Name) -> Answer:
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


# -- cancel ---------------------------------------------------------------------------------------------------------------

CODES = {
    "cancelled": 0, "rejected": 0, "filled": OrderRefused.exit_code, "alive": OrderRefused.exit_code,
    "not_sent": BrokerUnavailable.exit_code, "unconfirmed": Ambiguous.exit_code, "unknown": Ambiguous.exit_code,
}  # fmt: skip
"""The exit code of what became of a cancel."""
GRAVEST = (Ambiguous.exit_code, BrokerUnavailable.exit_code, OrderRefused.exit_code)
ENDED = {
    "cancelled": "cancelled", "rejected": "was rejected meanwhile", "filled": "was filled meanwhile", "alive": "is still alive",
    "not_sent": "is still alive", "unconfirmed": "may still be alive", "unknown": "nobody knows whether it is at the exchange",
}  # fmt: skip


@command(app)
def cancel(
    call: Call,
    order: Annotated[str, typer.Argument(help="Its id, its tag, or the broker's order id.", metavar="[ORDER]")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every order that may still trade or be sent.")] = False,
) -> Answer:
    """Take an order back, and read back whether it is gone. Passes in every trading state."""
    if bool(order) == every:
        raise UsageError("say which ORDER, or --all")
    found = cancel_all(call) if every else _cancel_one(call, order)
    return Answer(found, lambda: cancelled_text(found), exit_code=gravest(found))


def cancel_all(call: Call) -> dict[str, Any]:
    """Cancel every unfinished order of ours; the result of `orders cancel`. An unidentified one may be another home's."""
    trading = hand.trading(call)
    return _cancelled(call, trading, [order for order in trading.snapshot.orders if order.purpose != "unidentified"])


def _cancel_one(call: Call, name: str) -> dict[str, Any]:
    from tradectl.execution.manual_resolution import find_order

    trading = hand.trading(call)
    order = find_order(trading.book, name)
    if order.status in {"EXECUTED", "REJECTED"}:
        raise UsageError(f"order {order.id} is {order.status}: there is nothing left to cancel")
    return _cancelled(call, trading, [order])


def _cancelled(call: Call, trading: TradingSession, orders: list[Order]) -> dict[str, Any]:
    from tradectl.execution import manual_resolution
    from tradectl.report import orders as report

    world = call.world()
    ended = manual_resolution.cancel(trading, orders)
    hand.deliver(call)
    database = world.ledger.database
    told = [
        report.one(database, world.user, item.order.tag) | {"cancel": str(item.outcome), "cancel_reason": item.reason}
        for item in ended
    ]
    return {"orders": told, "trading_state": trading.snapshot.trading_state}


def gravest(found: dict[str, Any]) -> int:
    """The exit code of cancels: 7 where an outcome is not known, 6 where one was not sent, 11 where one was refused."""
    codes = {CODES[item["cancel"]] for item in found["orders"]}
    return next((code for code in GRAVEST if code in codes), 0)


def cancelled_text(found: dict[str, Any]) -> str:
    """A line for each order, and what may bring it back."""
    found = show.flat(found)
    lines = [_ended(item) for item in found["orders"]] or ["there is no order to cancel"]
    sells = any(item["side"] == "SELL" and item["cancel"] == "cancelled" for item in found["orders"])
    if sells and found["trading_state"] != "HALTED":
        lines.append("the sell monitor rests a new sell for a position while it runs: `tradectl halt` stops that")
    return "\n".join(lines)


def _ended(item: dict[str, Any]) -> str:
    filled = f", {item['filled_quantity']} filled before" if item["filled_quantity"] and item["cancel"] == "cancelled" else ""
    why = f": {item['cancel_reason']}" if item["cancel_reason"] and item["cancel"] not in {"cancelled", "filled"} else ""
    hint = f"; see `tradectl orders resolve {item['id']}`" if item["cancel"] == "unknown" else ""
    what = f"{item['side']} {item['quantity']} {item['symbol']} at {show.rupees(item['price'])}"
    return f"order {item['id']}, {what}: {ENDED[item['cancel']]}{filled}{why}{hint}"


# -- adopt ----------------------------------------------------------------------------------------------------------------


@command(app)
def adopt(
    call: Call,
    order: Name,
    not_ours: Annotated[
        bool, typer.Option("--not-ours", help="It belongs to another ledger or to you: leave it alone at the broker.")
    ] = False,
) -> Answer:
    """Make an order that the broker has under a tag of ours, and that this ledger cannot explain, one of ours."""
    from tradectl.cli.resolving import known
    from tradectl.execution import manual_resolution

    trading = hand.trading(call)
    found = manual_resolution.find_unidentified(trading, order)
    decided = manual_resolution.disown(trading, found) if not_ours else manual_resolution.adopt(trading, found)
    hand.deliver(call)
    if not_ours:
        return known(call.world(), decided, f"is not ours: {decided.symbol} is free again")
    return known(call.world(), decided, f"is ours now: {decided.status}, {decided.filled_quantity} of {decided.quantity} filled")


# -- resolve --------------------------------------------------------------------------------------------------------------


@command(app)
def resolve(
    call: Call,
    order: Name,
    never_placed: Annotated[
        bool, typer.Option("--never-placed", help="You have seen at the broker's that it does not exist, or traded nothing.")
    ] = False,
    broker_order_id: Annotated[
        str, typer.Option("--broker-order-id", help="You have seen that it is this order of the broker's book.", metavar="ID")
    ] = "",
    filled: Annotated[
        int | None,
        typer.Option("--filled", help="So many shares in all, as the contract note shows.", min=1, metavar="QUANTITY"),
    ] = None,
    price: Annotated[str, typer.Option("--price", help="With --filled: at how many rupees a share.", metavar="RUPEES")] = "",
    sender_ended: Annotated[
        bool,
        typer.Option(
            "--sender-ended",
            help="With one of these: you know that the process on another machine, or of before a restart, has ended.",
        ),
    ] = False,
) -> Answer:
    """Ask the broker once more what became of an order, tell what is known of it, or write down what you have seen yourself."""
    from tradectl.cli.resolving import doubtful, known
    from tradectl.execution import manual_resolution

    if never_placed + bool(broker_order_id) + (filled is not None) > 1:
        raise UsageError("--never-placed, --broker-order-id and --filled exclude each other")
    if price and filled is None:
        raise UsageError("--price goes with --filled")
    decides = never_placed or bool(broker_order_id) or filled is not None
    if sender_ended and not decides:
        raise UsageError("--sender-ended goes with --never-placed, --broker-order-id or --filled")
    paise = rupees(price) if price else None
    trading = hand.trading(call)
    doubt = manual_resolution.check_unresolved(trading, order)
    hand.deliver(call)
    if not isinstance(doubt, manual_resolution.UnresolvedOrder):
        if decides:
            raise UsageError(f"nothing is left to decide: the broker's book shows that order {doubt.id} is {doubt.status}")
        return known(call.world(), doubt, f"is known now: {doubt.status}")
    if sender_ended:
        doubt = doubt.sender_ended()
    if never_placed:
        return known(
            call.world(),
            manual_resolution.resolve_never_placed(trading, doubt),
            "is CANCELLED: you decided that it was never placed",
        )
    if broker_order_id:
        joined = manual_resolution.resolve_joined(trading, doubt, broker_order_id)
        return known(call.world(), joined, f"is {broker_order_id} at the broker, and {joined.status}")
    if filled is not None:
        told = manual_resolution.resolve_filled(trading, doubt, filled, paise)
        return known(call.world(), told, f"is {told.status}, {told.filled_quantity} of {told.quantity} filled")
    return doubtful(call.world(), doubt)
