"""Use the paper exchange from outside: trade by hand, or serve a broker's API over it (`sandbox`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_symbol
from tradectl.cli.options import RESEARCH
from tradectl.cli.user import rupees
from tradectl.errors import UsageError
from tradectl.model.symbols import spelled
from tradectl.runtime.interrupt import stop_on_signals

if TYPE_CHECKING:
    from tradectl.bootstrap import PaperWorld
    from tradectl.lab.sandboxes.launch import LaunchedSandbox


class SandboxGroup(Group):
    """The group of sandboxes. Sandboxes of installed packages are commands too, under their broker's name."""

    def list_commands(self, ctx: Any) -> list[str]:
        from tradectl.lab.sandboxes.broker_sandbox import packaged_sandboxes

        own = super().list_commands(ctx)
        return [*own, *(name for name in packaged_sandboxes() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from tradectl.lab.sandboxes.broker_sandbox import packaged_sandboxes

        found = super().get_command(ctx, cmd_name)
        return _installed_sandbox(cmd_name) if found is None and cmd_name in packaged_sandboxes() else found


app = typer.Typer(
    name="sandbox",
    rich_help_panel=RESEARCH,
    cls=SandboxGroup,
    help="Use the paper exchange: make manual trades, or serve a broker's API over it.",
    no_args_is_help=True,
)


@command(app)
def trade(
    invocation: Invocation,
    symbol: Annotated[str, typer.Argument(help="A symbol.", metavar="SYMBOL")],
    side: Annotated[str, typer.Argument(help="BUY or SELL.", metavar="SIDE")],
    quantity: Annotated[int, typer.Argument(help="Shares.", min=1, metavar="QUANTITY")],
    price: Annotated[str, typer.Argument(help="Rupees per share.", metavar="PRICE")],
) -> Answer:
    """Make a trade by hand, outside tradectl: it fills at once, and the tasks detect it later."""
    from tradectl.model.money import to_rupees
    from tradectl.model.order import Side

    if side.upper() not in set(Side):
        raise UsageError(f"a side is BUY or SELL, not {side!r}")
    paise = rupees(price)
    world = _paper(invocation)
    check_symbol(world, symbol)
    order_id = world.broker.manual_trade(spelled(symbol), Side(side.upper()), quantity, paise)
    found = {"broker_order_id": order_id, "symbol": spelled(symbol), "side": side.upper(), "quantity": quantity}
    found |= {"price": to_rupees(paise)}
    return Answer(found, f"{side.upper()} {quantity} {spelled(symbol)} at {to_rupees(paise)}: filled, broker order {order_id}")


@command(app)
def accept(
    invocation: Invocation,
    new: Annotated[
        bool, typer.Option("--new", help="Begin a new account with the ledger's cash and shares; the old file is set aside.")
    ] = False,
) -> Answer:
    """Continue with a paper exchange that does not fit the ledger: one that was lost, replaced or rolled back."""
    from tradectl.bootstrap import PaperWorld, accept_exchange, renew_exchange
    from tradectl.model.money import show_rupees, to_rupees

    world = invocation.world()
    if not isinstance(world, PaperWorld) or world.mode != "paper":
        raise UsageError(f"this home is {world.mode}: it has no paper exchange to accept")
    done = (renew_exchange if new else accept_exchange)(world, invocation.required_settings().paper)
    found: dict[str, Any] = {"exchange": str(done.file), "set_aside": str(done.aside) if done.aside else None, "new": new}
    if not new:
        return Answer(found, f"{done.file} is now this ledger's exchange: next, `tradectl reconcile`")
    found |= {"orders_ended": done.orders_ended, "positions": done.positions, "cash": to_rupees(done.cash)}
    lines = [
        f"{done.file} is a new exchange: Rs {show_rupees(done.cash)} in cash, {done.positions} positions as the ledger has them",
        f"{done.orders_ended} unfinished orders are CANCELLED: no exchange has them, and the tasks place new orders where needed",
    ]
    lines += [f"the previous file is now {done.aside}"] if done.aside else []
    return Answer(found, "\n".join(lines))


Port = Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 for any free one.", min=0, max=65535, metavar="PORT")]


@command(app)
def kite(invocation: Invocation, port: Port = 0) -> Answer:
    """Serve Kite Connect over this home's paper account until interrupted: for a live home elsewhere or Zerodha's client."""
    from tradectl.lab.sandboxes.launch import kite

    return _serve(invocation, kite, port)


@command(app, "kotak_neo")
def kotak_neo(invocation: Invocation, port: Port = 0) -> Answer:
    """Serve Kotak Neo over this home's paper account until interrupted."""
    from tradectl.lab.sandboxes.launch import kotak_neo

    return _serve(invocation, kotak_neo, port)


@command(app)
def openalgo(invocation: Invocation, port: Port = 0) -> Answer:
    """Serve an OpenAlgo server over this home's paper account until interrupted."""
    from tradectl.lab.sandboxes.launch import openalgo

    return _serve(invocation, openalgo, port)


def _installed_sandbox(name: str) -> Any:
    """Return the command that serves the sandbox of another package."""
    from tradectl.lab.sandboxes.broker_sandbox import broker_sandbox
    from tradectl.lab.sandboxes.launch import packaged

    parent = typer.Typer()

    def serve(invocation: Invocation, port: Port = 0) -> Answer:
        entry = broker_sandbox(name)
        return _serve(invocation, lambda world, port: packaged(name, entry, world, port), port)

    serve.__doc__ = f"Serve the API of {name} over this home's paper account until interrupted."
    command(parent, name)(serve)
    return typer.main.get_group(parent).commands[name]


def _serve(invocation: Invocation, make: Callable[[PaperWorld, int], LaunchedSandbox], port: int) -> Answer:
    found = make(_paper(invocation), port)
    invocation.note(
        f"{found.name} listens at {found.sandbox.url}; for a live home elsewhere (init --mode live --broker {found.name}) run:"
    )
    invocation.note(found.hint())
    with stop_on_signals() as stop:
        count = found.sandbox.serve(until=lambda: stop.times > 0)
    return Answer({"url": found.sandbox.url, "requests": count}, f"{count} requests answered", exit_code=128 + stop.signal_number)


def _paper(invocation: Invocation) -> PaperWorld:
    from tradectl.bootstrap import PaperWorld

    world = invocation.world()
    if not isinstance(world, PaperWorld):
        raise UsageError(f"this home is {world.mode}: trade at the broker itself, and the tasks will detect it")
    return world
