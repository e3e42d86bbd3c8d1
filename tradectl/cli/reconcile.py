"""Compare the ledger with the broker at any time (`reconcile`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from tradectl.cli import operator, output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.errors import Ambiguous, Blocked
from tradectl.model.moment import ist_date
from tradectl.strategy.own_shares import declaring

app = typer.Typer()


@command(app, panel=OPERATE)
def reconcile(invocation: Invocation) -> Answer:
    """Update the ledger from the broker's lists, then show what differs and why. Trades nothing.

    Exit 7 while an order is unresolved; 9 if something differs or an unreadable row of the broker blocks a symbol of ours."""
    from tradectl.report.reconciliation import reconciliation

    trading = operator.trading(invocation)
    found = reconciliation(trading, trading.reconcile(trading.open_of))
    operator.keep_odd_rows(invocation)
    operator.deliver(invocation)
    code = Ambiguous.exit_code if found["unknown"] else 0 if found["agrees"] else Blocked.exit_code
    return Answer(found, lambda: text(found, trading.path.own_shares), exit_code=code, session=ist_date(trading.clock.now()))


def text(found: dict[str, Any], own: Mapping[str, int]) -> str:
    """Return the report as text: what was changed, then every difference. `own`: the declared own shares by symbol."""
    changed = [f"{count} {name}" for name, count in found["changed"].items() if count]
    parts = [f"changed in the ledger: {', '.join(changed)}" if changed else "the ledger was complete"]
    if found["unknown"]:
        rows = [_unknown(item) for item in found["unknown"]]
        parts.append(output.table(("order", "side", ">quantity", "symbol", "sent", "reason"), rows, title="Unresolved orders"))
        parts.append("`tradectl orders resolve ORDER` shows what is known of one, and how to decide")
    if found["orders"]:
        rows = [(item["symbol"], _order_text(item["ours"]), _order_text(item["broker"]), item["why"]) for item in found["orders"]]
        parts.append(output.table(("symbol", "ours", "the broker's", "why"), rows, title="Orders that differ"))
    if found["external"]:
        rows = [(item["symbol"], item["broker_order_id"], _order_text(item)) for item in found["external"]]
        parts.append(
            output.table(("symbol", "broker order", "what"), rows, title="Manual orders, which tradectl does not change")
        )
    if found["shares"]:
        rows = [(item["symbol"], item["book"], item["broker"], item["why"]) for item in found["shares"]]
        parts.append(output.table(("symbol", ">book", ">broker", "why"), rows, title="Shares that differ"))
        beyond = {item["symbol"]: item["own"] + item["beyond"] for item in found["shares"] if item["beyond"]}
        if beyond:
            parts.append(f"if the shares of {', '.join(beyond)} are yours: {declaring(beyond, own)}")
    cash = found["cash"]
    if cash["difference"] != "0.00":
        book, broker, difference = (output.rupees(cash[name]) for name in ("book", "broker", "difference"))
        parts.append(f"Cash differs by {difference}: the fills give {book}, the broker reports {broker}")
    if found["odd_rows"]:
        rows = [
            (item["symbol"], item["kind"], item["broker_order_id"], item["field"], item["value"], item["stops"])
            for item in found["odd_rows"]
        ]
        columns = ("symbol", "row of", "broker order", "field", "value", "blocks trading")
        parts.append(output.table(columns, rows, title="Rows of the broker that cannot be read"))
    if found["agrees"] and not found["unknown"]:
        shares = "" if any(item["beyond"] for item in found["shares"]) else ", shares"
        parts.append(f"orders{shares} and cash agree with the broker")
    return "\n\n".join(parts)


def _unknown(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["id"], item["side"], item["quantity"], item["symbol"], output.moment(item["sending_at"]), item["reason"]


def _order_text(order: dict[str, Any] | None) -> str:
    """Return one order as short text; a dash for None."""
    if order is None:
        return "-"
    name = f"{order['id']} " if "id" in order else ""
    filled = f", {order['filled_quantity']} filled" if order["filled_quantity"] else ""
    return f"{name}{order['side']} {order['quantity']} at {output.rupees(order['price'])} {order['status']}{filled}"
