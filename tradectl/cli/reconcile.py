"""Compare the ledger with the broker's lists at any time, and with the broker's papers (`reconcile`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tradectl.cli import operator, output
from tradectl.cli.command import command
from tradectl.cli.group import BrokerGroup
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_file
from tradectl.cli.options import OPERATE, parse_day
from tradectl.errors import Ambiguous, Blocked
from tradectl.model.moment import ist_date
from tradectl.strategy.own_shares import declaring

app = typer.Typer(
    name="reconcile",
    rich_help_panel=OPERATE,
    cls=BrokerGroup,
    help="Compare the ledger with the broker's lists (broker, the default) or with the broker's papers (papers).",
)
PAPERS_SHOWN = 40
"""How many findings the text shows of each paper; `--json` has all."""


@command(app, "broker", panel=OPERATE)
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


@command(app, panel=OPERATE)
def papers(
    invocation: Invocation,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Tradebook CSV, charge lines (CSV, or Kite's /charges/orders JSON), tax P&L XLSX.", metavar="FILE..."
        ),
    ],
    session: Annotated[str, typer.Option(help="The day of a JSON of Kite, which has none.", metavar="YYYY-MM-DD")] = "",
) -> Answer:
    """Compare the broker's papers with the ledger's fills and charges, line by line. Changes nothing.

    The content of a file decides what it is. Exit 9 if a line differs or is missing on one side."""
    from tradectl.papers.finding_values import rate_value, report_value
    from tradectl.papers.reconcile import Papers

    for path in files:
        check_file(path)
    world = invocation.world(read_only=True)
    home, today = invocation.required_settings().home, ist_date(world.clock.now())
    compared = Papers(world, home, today, parse_day(session))
    reports = [compared.report(path) for path in files]
    found = {
        "papers": [report_value(report) for report in reports],
        "rates": [rate_value(change) for change in compared.rates()],
        "charges_of": world.ledger.tariff.title,
        "agrees": all(report.agrees for report in reports),
    }
    code = 0 if found["agrees"] else Blocked.exit_code
    return Answer(found, lambda: papers_text(found), exit_code=code)


def papers_text(found: dict[str, Any]) -> str:
    """Return the report on papers as text: counts, the lines that are not equal, and rates that differ."""
    counts = ("lines", "equal", "differs", "missing_here", "missing_there")
    rows = [(item["paper"], item["kind"], *(item[name] for name in counts)) for item in found["papers"]]
    columns = ("paper", "kind", *(f">{name.replace('_', ' ')}" for name in counts))
    parts = [output.table(columns, rows)]
    for item in found["papers"]:
        lines = [_paper_row(line) for line in item["findings"][:PAPERS_SHOWN]]
        if lines:
            more = len(item["findings"]) - len(lines)
            title = f"{item['paper']}: lines that are not equal" + (
                f", the first {PAPERS_SHOWN} (--json has all)" if more else ""
            )
            parts.append(output.table((">row", "session", "symbol", "line", "outcome", "finding"), lines, title=title))
    if found["rates"]:
        rates = [
            (
                item["line"],
                item["since"],
                item["until"],
                item["agreed"],
                item["theirs"],
                item["ours"],
                item["unit"],
                item["lines"],
            )
            for item in found["rates"]
        ]
        names = ("line", "since", "until", "last agreed", ">papers", ">table", "unit", ">lines")
        parts.append(output.table(names, rates, title=f"Rates that differ from the table {found['charges_of']}"))
        parts.append("if the papers are right, put the rate into charges.csv: `tradectl help charges-of-your-broker`")
    if found["agrees"]:
        parts.append("every line of the papers agrees with the ledger")
    return "\n\n".join(parts)


def _paper_row(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return the cells of one finding."""
    differences = "; ".join(
        f"{item['field']}: paper {item['theirs']}, ours {item['ours']}" + (f", by {item['by']}" if item["by"] else "")
        for item in line["differences"]
    )
    texts = [differences] if differences else [line["key"]]
    texts += [line["note"]] if line["note"] and line["note"] != line["key"] else []
    outcome = line["outcome"].replace("_", " ")
    return line["row"] or "", line["session"], line["symbol"], line["line"], outcome, "; ".join(texts)


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
