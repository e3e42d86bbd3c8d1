"""List closed trades, and write and list notes on trades and orders (`trades`, `note`, `notes`)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradectl.cli import completion, output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import LOOK, From, Limit, Symbol, To
from tradectl.cli.pnl import span_of

app = typer.Typer()


@command(app, panel=LOOK)
def trades(invocation: Invocation, first: From = "", last: To = "", symbol: Symbol = "", limit: Limit = 50) -> Answer:
    """List closed trades by their sale, newest first, with charges, net result and notes."""
    from tradectl.report import notes as report

    world = invocation.world(read_only=True)
    found = report.trades(world.ledger, span_of(world, first, last, symbol), limit)
    columns = (
        "trade", "symbol", "entry", "exit", ">quantity", ">entry price", ">exit price", ">gross", ">charges", ">net", "why sold",
        "note",
    )  # fmt: skip
    rows = [
        (
            item["id"], item["symbol"], item["entry_session"], item["exit_session"], item["quantity"],
            output.rupees(item["entry_price"]), output.rupees(item["exit_price"]), output.rupees(item["gross"]),
            output.rupees(item["charges"]), output.rupees(item["net"]), item["exit_purpose"], output.notes(item["notes"]),
        )
        for item in found
    ]  # fmt: skip
    return Answer(found, lambda: output.table(columns, rows, empty="No closed trades."))


@command(app, panel=LOOK)
def note(
    invocation: Invocation,
    subject: Annotated[
        str,
        typer.Argument(
            help="An order's id, or a trade's (`trades`): 12-15.", metavar="ORDER|TRADE", autocompletion=completion.orders
        ),
    ],
    text: Annotated[str, typer.Argument(help="The note, in quotes.", metavar="TEXT")],
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; may be repeated.", metavar="TAG")] = None,
) -> Answer:
    """Write a note on an order or a trade. `orders`, `trades`, `why` and exports show it; it cannot be changed."""
    from tradectl.report import notes as report

    found = report.add(invocation.world(), subject, text, tag or [])
    return Answer(found, f"note {found['id']} on {_subject(found)} {found['symbol']}")


@command(app, panel=LOOK)
def notes(
    invocation: Invocation,
    symbol: Symbol = "",
    tag: Annotated[str, typer.Option("--tag", help="Only notes with this tag.", metavar="TAG")] = "",
) -> Answer:
    """List the notes on orders and trades, newest first."""
    from tradectl.model.symbols import spelled
    from tradectl.report import notes as report

    found = report.listing(invocation.world(read_only=True).ledger, symbol=spelled(symbol) if symbol else "", tag=tag)
    rows = [
        (item["id"], output.moment(item["at"])[:16], item["symbol"], _subject(item), item["text"], " ".join(item["tags"]))
        for item in found
    ]
    return Answer(found, lambda: output.table(("id", "at", "symbol", "on", "note", "tags"), rows, empty="No notes."))


def _subject(item: dict[str, Any]) -> str:
    return f"order {item['order_id']}" if item["order_id"] is not None else f"trade {item['trade'] or '(its fill is gone)'}"
