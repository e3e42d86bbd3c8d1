"""Show profit and loss by period, symbol, purpose or strategy (`pnl`)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_word
from tradectl.cli.options import LOOK, From, Symbol, To, parse_day
from tradectl.errors import DataError, UsageError

if TYPE_CHECKING:
    from tradectl.accounts.profit_and_loss import Span
    from tradectl.world import World

app = typer.Typer()
LINE_NAMES = {
    "brokerage": "brokerage", "stt": "STT", "exchange": "exchange", "sebi": "SEBI", "stamp": "stamp duty", "gst": "GST",
    "dp": "DP, with its GST", "ipft": "IPFT", "other": "not in the table",
}  # fmt: skip


@command(app, panel=LOOK)
def pnl(
    invocation: Invocation,
    by: Annotated[
        str, typer.Option(help="day, week, month, financial-year (April to March), symbol, purpose or strategy.", metavar="GROUP")
    ] = "month",
    first: From = "",
    last: To = "",
    symbol: Symbol = "",
) -> Answer:
    """Show profit and loss: gross, charges by line, net, per cent; unrealised, dividends and paid charges apart.

    A trade counts on the day of its sale, with the charges of the sale and of
    the buy of its shares. So the charges of a buy wait until its shares are
    sold, and no period counts a charge twice. `paid` has the same charges on the
    day of their fill, as on the contract notes; it is not part of `net`.
    Dividends count on their ex-date and are in no other figure."""
    from tradectl.accounts.profit_and_loss import BY
    from tradectl.report.pnl import profit_and_loss

    check_word("group", by, BY)
    world = invocation.world(read_only=True)
    found = profit_and_loss(world, by, span_of(world, first, last, symbol))
    return Answer(found, lambda: _text(found))


def span_of(world: World, first: str, last: str, symbol: str = "") -> Span:
    """Return the span of `--from`, `--to` and `--symbol`. Raises UsageError if the span is reversed or the symbol is unknown."""
    from tradectl.accounts.profit_and_loss import Span

    begins, ends = parse_day(first) or date.min, parse_day(last) or date.max
    if begins > ends:
        raise UsageError(f"--from {begins} is after --to {ends}")
    return Span(begins, ends, instrument_of(world, symbol) if symbol else "")


def instrument_of(world: World, symbol: str) -> str:
    """Return the instrument of a symbol: that of the newest position or trade of this name, else as the market data know it.

    Raises UsageError for an unknown symbol; without market data these are all others."""
    from tradectl.model.moment import ist_date
    from tradectl.model.symbols import spelled

    held = [position.instrument_id for position in world.ledger.book.positions() if position.symbol == spelled(symbol)]
    traded = [fill.instrument_id for fill in world.ledger.book.fills() if fill.symbol == spelled(symbol)]
    if held or traded:
        return str((held or traded)[-1])
    try:
        return world.market.find(symbol, ist_date(world.clock.now()))
    except DataError as missing:
        raise UsageError(f"there is no position in {spelled(symbol)!r}; see `tradectl positions --closed`") from missing


def _text(found: dict[str, Any]) -> str:
    if not found["rows"]:
        return "No trades, no charges and no dividends."
    period = found["rows"][0]["first"] is not None
    name = "period" if period else found["by"]
    columns = (name, ">trades", ">gross", ">charges", ">net", ">%", ">dividends", ">unrealised", ">winners", ">cost", ">paid")
    rows = [_cells(row) for row in [*found["rows"], found["total"]]]
    text = [output.table(columns, rows), "", _charges(found), "", *_notes(found)]
    return "\n".join(text).rstrip()


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["key"], row["trades"], output.rupees(row["gross"]), output.rupees(row["charges"]), output.rupees(row["net"]),
        row["percent"], output.rupees(row["dividends"]), output.rupees(row["unrealised"]), row["winners"],
        output.rupees(row["cost"]), output.rupees(row["paid"]),
    )  # fmt: skip


def _charges(found: dict[str, Any]) -> str:
    """Return the charges of the whole span by line."""
    total = found["total"]
    lines = [
        (name, output.rupees(total["charge_lines"][line]), output.rupees(total["paid_lines"][line]))
        for line, name in LINE_NAMES.items()
        if {total["charge_lines"][line], total["paid_lines"][line]} != {"0.00"}
    ]
    sums = ("total", output.rupees(total["charges"]), output.rupees(total["paid"]))
    return output.table(("charges", ">of the trades", ">paid"), [*lines, sums])


def _notes(found: dict[str, Any]) -> list[str]:
    """Return how the two columns of charges belong together, and what does not agree."""
    total, held = found["total"], found["held_charges"]
    notes = [
        f"Charges of shares held before {output.rupees(held['before'])} + paid {output.rupees(total['paid'])} = of the trades "
        f"{output.rupees(total['charges'])} + of shares still held {output.rupees(held['after'])}."
    ]
    if total["dividends"] != "0.00":
        notes.append(f"Dividends, apart: {output.rupees(total['dividends'])}.")
    if total["cash_in_lieu"] != "0.00":
        notes.append(f"Cash for fractions of shares, apart: {output.rupees(total['cash_in_lieu'])}.")
    if total["paid_outside"] != "0.00":
        notes.append(f"Charges of shares that you traded outside tradectl, apart: {output.rupees(total['paid_outside'])}.")
    if {total["charge_lines"]["other"], total["paid_lines"]["other"]} != {"0.00"}:
        title = found["charges_of"]["title"]
        notes.append(f"No table gives some of the stored charges; `not in the table` has the difference from {title}.")
    sessions = found["sessions_compared"]
    compared = f"eod's statistics of {sessions} session{'s' if sessions != 1 else ''}"
    if found["differences"]:
        notes += [f"DIFFERS from {compared}: the fills were entered or corrected later.", *found["differences"]]
    elif sessions:
        notes.append(f"Agrees to the paisa with {compared}.")
    return notes
