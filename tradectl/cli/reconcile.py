"""`reconcile`: the book beside the broker's, at any time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from tradectl.cli import operator, show
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.errors import Ambiguous, Blocked
from tradectl.model.moment import ist_date
from tradectl.strategy.own_shares import declaring

app = typer.Typer()


@command(app, panel=OPERATE)
def reconcile(invocation: Invocation) -> Answer:
    """Make the book follow the broker, then show what differs and why. Trades nothing; exit 9 where something differs, or a row
    of the broker that cannot be read stops a symbol of ours."""
    from tradectl.report.reconciliation import reconciliation

    desk = operator.desk(invocation)
    found = reconciliation(desk, desk.reconcile(desk.open_of))
    operator.keep_odd_rows(invocation)
    operator.deliver(invocation)
    code = Ambiguous.exit_code if found["unknown"] else 0 if found["agrees"] else Blocked.exit_code
    return Answer(found, lambda: text(found, desk.path.own_shares), exit_code=code, session=ist_date(desk.clock.now()))


def text(found: dict[str, Any], own: Mapping[str, int]) -> str:
    """The page for people: what was changed, then every difference. `own`: shares that the user has declared as his own."""
    changed = [f"{count} {name}" for name, count in found["changed"].items() if count]
    parts = [f"the book took in: {', '.join(changed)}" if changed else "the book had everything already"]
    if found["unknown"]:
        rows = [_unknown(item) for item in found["unknown"]]
        parts.append(show.table(("order", "side", ">quantity", "symbol", "sent", "reason"), rows, title="Orders of unknown fate"))
        parts.append("`tradectl orders resolve ORDER` tells what is known of one, and how to decide")
    if found["orders"]:
        rows = [(item["symbol"], _told(item["ours"]), _told(item["broker"]), item["why"]) for item in found["orders"]]
        parts.append(show.table(("symbol", "ours", "the broker's", "why"), rows, title="Orders that differ"))
    if found["external"]:
        rows = [(item["symbol"], item["broker_order_id"], _told(item)) for item in found["external"]]
        parts.append(show.table(("symbol", "broker order", "what"), rows, title="Orders by hand, which tradectl leaves alone"))
    if found["shares"]:
        rows = [(item["symbol"], item["book"], item["broker"], item["why"]) for item in found["shares"]]
        parts.append(show.table(("symbol", ">book", ">broker", "why"), rows, title="Shares that differ"))
        beyond = {item["symbol"]: item["own"] + item["beyond"] for item in found["shares"] if item["beyond"]}
        if beyond:
            parts.append(f"if the shares of {', '.join(beyond)} are yours: {declaring(beyond, own)}")
    cash = found["cash"]
    if cash["difference"] != "0.00":
        book, broker, difference = (show.rupees(cash[name]) for name in ("book", "broker", "difference"))
        parts.append(f"Cash differs by {difference}: the fills say {book}, the broker {broker}")
    if found["odd_rows"]:
        rows = [
            (item["symbol"], item["kind"], item["broker_order_id"], item["field"], item["value"], item["stops"])
            for item in found["odd_rows"]
        ]
        columns = ("symbol", "row of", "broker order", "field", "value", "stops us")
        parts.append(show.table(columns, rows, title="Rows of the broker that cannot be read"))
    if found["agrees"] and not found["unknown"]:
        shares = "" if any(item["beyond"] for item in found["shares"]) else ", shares"
        parts.append(f"orders{shares} and cash agree with the broker's")
    return "\n\n".join(parts)


def _unknown(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["id"], item["side"], item["quantity"], item["symbol"], show.moment(item["sending_at"]), item["reason"]


def _told(order: dict[str, Any] | None) -> str:
    """One order in a few words; a dash where there is none."""
    if order is None:
        return "-"
    name = f"{order['id']} " if "id" in order else ""
    filled = f", {order['filled_quantity']} filled" if order["filled_quantity"] else ""
    return f"{name}{order['side']} {order['quantity']} at {show.rupees(order['price'])} {order['status']}{filled}"
