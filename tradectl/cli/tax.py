"""Show tax lots, and the gains of a financial year (`tax`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import LOOK, Symbol
from tradectl.errors import DataError, UsageError
from tradectl.model.moment import ist_date
from tradectl.model.symbols import spelled

if TYPE_CHECKING:
    from tradectl.papers.account import Account
    from tradectl.tax.year import TaxYear

app = typer.Typer(
    name="tax", rich_help_panel=LOOK, cls=Group, help="Taxes: lots, and the gains of a financial year.", no_args_is_help=True
)
ADVICE = "not tax advice, have it checked before you file: the rules are public summaries of the law (`tradectl help taxes`)"


@command(app, "lots")
def lots(invocation: Invocation, symbol: Symbol = "") -> Answer:
    """List the shares that are held, lot by lot, with the day from which each is long term."""
    from tradectl.papers.tax_values import doubts_value, lot_value

    account, named = _account(invocation), spelled(symbol)
    ids = {trade.instrument for trade in account.trades if named in {"", trade.symbol, trade.instrument}}
    if symbol and not ids:
        raise UsageError(f"the account has no trade of {named}; `tradectl import tradebook FILE` adds trades made elsewhere")
    found = [lot_value(lot) for lot in account.tax.matched.lots if not symbol or lot.instrument in ids]
    doubts = doubts_value(doubt for item in found for doubt in item["doubts"])
    result = {"lots": found, "charges_of": account.tariff, "doubts": doubts, "notes": list(account.notes), "advice": ADVICE}
    return Answer(result, lambda: _lots_text(result))


@command(app, "year")
def year(
    invocation: Invocation,
    financial_year: Annotated[str, typer.Argument(help="From April to March: 2025-26.", metavar="YEAR")],
    lots: Annotated[bool, typer.Option("--lots", help="Also list every lot that was sold.")] = False,
    schedule: Annotated[str, typer.Option("--112a", help="Write the CSV of Schedule 112A.", metavar="FILE")] = "",
    xlsx: Annotated[str, typer.Option("--xlsx", help="Write an Excel workbook for the accountant.", metavar="FILE")] = "",
) -> Answer:
    """Show the gains of a financial year by term and rate, by the windows of advance tax, with charges and doubts.

    Exit 8 if a sale has no recorded purchase: import the tradebook of that time."""
    from tradectl.papers.account_trades import dividends
    from tradectl.papers.bridge import bridge_of
    from tradectl.papers.tax_values import bridge_value, lots_value, year_value
    from tradectl.tax.rules import FinancialYear
    from tradectl.tax.year import tax_year

    wanted = FinancialYear.parse(financial_year)
    account = _account(invocation)
    found = tax_year(wanted, account.tax)
    ledger = invocation.world(read_only=True).ledger
    result = year_value(found) | {
        "pnl_bridge": bridge_value(bridge_of(ledger, found)),
        "dividends": dividends(ledger, wanted.first, wanted.last),
        "charges_of": account.tariff,
        "notes": list(account.notes),
        "files": [],
        "advice": ADVICE,
    }
    if xlsx:
        from tradectl.papers.workbook import workbook

        result["files"].append(_written(Path(xlsx), workbook(result, lots_value(account.tax))))
    missing = _missing(found)
    if schedule and not missing:
        result["files"].append(_written(Path(schedule), _schedule(found)))
    if missing:
        return Answer(
            result, lambda: _year_text(result, lots=lots), outcome="failed", exit_code=DataError.exit_code, error=missing
        )
    return Answer(result, lambda: _year_text(result, lots=lots))


def _account(invocation: Invocation) -> Account:
    from tradectl.papers.account import read_account

    world = invocation.world(read_only=True)
    return read_account(world, invocation.required_settings().home, ist_date(world.clock.now()))


def _missing(found: TaxYear) -> str:
    """Return what is said of sales without a recorded purchase; empty if there are none."""
    if not found.unmatched:
        return ""
    symbols = sorted({gain.disposal.lot.symbol for gain in found.unmatched})
    shares = sum(gain.disposal.quantity for gain in found.unmatched)
    return (
        f"{shares} sold shares of {', '.join(symbols)} have no recorded purchase, so their gain is not known and no 112A file "
        "is written: `tradectl import tradebook FILE`"
    )


def _schedule(found: TaxYear) -> bytes:
    """Return the CSV of Schedule 112A: without a byte order mark, which the portal rejects, and with CRLF."""
    import csv
    import io

    from tradectl.tax.schedule_112a import columns, schedule_rows

    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns(found.year))
    try:
        writer.writerows(schedule_rows(found))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return text.getvalue().encode()


def _written(path: Path, content: bytes) -> str:
    """Write a file, readable by its owner alone, and return its path. Raises UsageError."""
    from tradectl.files import PRIVATE, replace_file

    try:
        replace_file(path, content, mode=PRIVATE)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    return str(path)


def _lots_text(result: dict[str, Any]) -> str:
    columns = ("symbol", "acquired", ">quantity", ">cost", "long from", "origin", "trade")
    rows = [
        (
            item["symbol"],
            item["acquired"],
            item["quantity"],
            output.rupees(item["cost"]),
            item["long_from"],
            item["origin"],
            item["trade"],
        )
        for item in result["lots"]
    ]
    return "\n\n".join([output.table(columns, rows, empty="No shares are held."), *_ending(result)])


def _year_text(result: dict[str, Any], *, lots: bool) -> str:
    columns = ("gains", ">lots", ">proceeds", ">cost", ">expenses", ">gain")
    rows = [
        (_named(item, "section"), item["lots"], *(output.rupees(item[name]) for name in ("proceeds", "cost", "expenses", "gain")))
        for item in result["buckets"]
    ]
    title = f"Financial year {result['year']}, charges by the table {result['charges_of']}"
    parts = [output.table(columns, rows, title=title, empty="no gain.")]
    if result["buckets"]:
        windows = [
            (_window(name), *(output.rupees(item["windows"][name]) for item in result["buckets"]))
            for name in result["buckets"][0]["windows"]
        ]
        names = ("sold", *(f">{_named(item)}" for item in result["buckets"]))
        parts.append(output.table(names, windows, title="Gains by the windows of advance tax"))
        parts.append(_bridge_text(result))
        parts.append("\n".join(_sentences(result)))
    if lots:
        parts += _details(result)
    return "\n\n".join([*parts, *_ending(result)])


BRIDGE = {
    "net": "net of `pnl`", "not_deducted": "+ STT, not deducted", "doubtful": "+ doubtful charges, not deducted",
    "fractions": "+ cash for fractions of shares", "outside": "+ sales outside the positions",
    "cost": "+ cost, as other lots are sold", "charges": "+ deductible charges of these",
    "law": "+ value of 2018-01-31, buybacks", "gains": "= the gains above",
}  # fmt: skip


def _bridge_text(result: dict[str, Any]) -> str:
    """Return the lines from `pnl` to the gains that are not 0."""
    amounts = result["pnl_bridge"]
    rows = [
        (title, output.rupees(amounts[name]))
        for name, title in BRIDGE.items()
        if name in {"net", "gains"} or amounts[name] != "0.00"
    ]
    return output.table(("from pnl to gains", ">amount"), rows)


def _window(name: str) -> str:
    """Return the title of a window: `to 15 June`."""
    to, day, month = name.split("_")
    return f"{to} {day} {month.title()}"


def _named(item: dict[str, Any], *more: str) -> str:
    """Return the name of a bucket: `short 111A 20 %`."""
    rate = "" if item["rate_percent"] is None else f"{item['rate_percent']:g} %"
    return " ".join(word for word in (item["term"], *(item[name] for name in more), rate) if word)


def _sentences(result: dict[str, Any]) -> list[str]:
    """Return the sentences about exemption, dividends and charges."""
    charges = {name: output.rupees(amount) for name, amount in result["charges"].items()}
    lines = [
        f"exempt: {output.rupees(result['exempt'])} of the long-term gains, before any set-off",
        f"        (the limit of the year is {output.rupees(result['exemption'])})",
        f"charges of the sold shares: {charges['deducted']} deducted, {charges['not_deducted']} STT,",
        f"        {charges['doubtful']} doubtful and not deducted",
    ]
    if any(item["term"] == "speculative" for item in result["buckets"]):
        lines.append("speculative: a loss is set off only against speculative gains, for four years")
    if result["deemed_dividends"] != "0.00":
        lines.append(f"buybacks taxed as dividends: {output.rupees(result['deemed_dividends'])}; their cost is a capital loss")
    if result["dividends"] != "0.00":
        lines.append(f"dividends of the ledger's positions, by ex-date: {output.rupees(result['dividends'])}, by slab")
    return lines


def _details(result: dict[str, Any]) -> list[str]:
    columns = ("symbol", "sold on", "acquired", ">quantity", ">proceeds", ">cost", ">gain", "term", "marks")
    rows = [
        (
            item["symbol"],
            item["sold"],
            item["acquired"] or "unknown",
            item["quantity"],
            *(output.rupees(item[name]) for name in ("proceeds", "cost", "gain")),
            item["term"],
            ", ".join(item["doubts"]),
        )
        for item in result["disposals"]
    ]
    parts = [output.table(columns, rows, title="Lots that were sold")] if rows else []
    same_day = [
        (
            item["symbol"],
            item["session"],
            item["quantity"],
            *(output.rupees(item[name]) for name in ("proceeds", "cost", "gain")),
        )
        for item in result["speculative"]
    ]
    names = ("symbol", "session", ">quantity", ">proceeds", ">cost", ">gain")
    return [*parts, output.table(names, same_day, title="Same-day trades")] if same_day else parts


def _ending(result: dict[str, Any]) -> list[str]:
    """Return doubts, notes, files and the sentence about advice."""
    rows = [(item["doubt"], item["figures"], item["meaning"]) for item in result["doubts"]]
    parts = [output.table(("mark", ">figures", "meaning"), rows, title="Marks")] if rows else []
    if result["notes"]:
        parts.append("\n".join(output.flat(result["notes"])))
    files = [f"written: {name}" for name in result.get("files", ())]
    return [*parts, "\n".join([*files, *ADVICE.split(": ")])]
