"""`sandbox`: doing on the paper exchange what only the world outside does, such as a trade by hand at the broker's."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli.call import Answer, Call
from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.options import RESEARCH
from tradectl.cli.user import rupees
from tradectl.errors import UsageError

app = typer.Typer(
    name="sandbox", rich_help_panel=RESEARCH, cls=Group, help="The paper exchange by hand: trade.", no_args_is_help=True
)


@command(app)
def trade(
    call: Call,
    symbol: Annotated[str, typer.Argument(help="A symbol.", metavar="SYMBOL")],
    side: Annotated[str, typer.Argument(help="BUY or SELL.", metavar="SIDE")],
    quantity: Annotated[int, typer.Argument(help="Shares.", min=1, metavar="QUANTITY")],
    price: Annotated[str, typer.Argument(help="Rupees a share.", metavar="PRICE")],
) -> Answer:
    """A trade made by hand, outside tradectl: it is filled at once, and the tasks must find out about it."""
    from tradectl.bootstrap import PaperWorld
    from tradectl.model.money import to_rupees
    from tradectl.model.order import Side

    if side.upper() not in set(Side):
        raise UsageError(f"a side is BUY or SELL, not {side!r}")
    paise = rupees(price)
    world = call.world()
    if not isinstance(world, PaperWorld):
        raise UsageError(f"this home is {world.mode}: trade by hand where you trade by hand, and the tasks will find it")
    order_id = world.broker.manual_trade(symbol.upper(), Side(side.upper()), quantity, paise)
    found = {"broker_order_id": order_id, "symbol": symbol.upper(), "side": side.upper(), "quantity": quantity}
    found |= {"price": to_rupees(paise)}
    return Answer(found, f"{side.upper()} {quantity} {symbol.upper()} at {to_rupees(paise)}: filled, broker order {order_id}")
