"""Import trades that tradectl did not make, and the lists for taxes (`import`)."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import replace as changed

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.group import Group
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.known_values import check_file
from tradectl.cli.options import CONFIGURE, parse_day
from tradectl.cli.user import rupees
from tradectl.errors import DataError, UsageError
from tradectl.settings import FAIR_VALUES, TAX_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradectl.ledger.outside_trades import Merge, OutsideTrade
    from tradectl.world import World

app = typer.Typer(
    name="import",
    rich_help_panel=CONFIGURE,
    cls=Group,
    help="Trades made elsewhere, and lists for taxes: tradebook, trade, fair-values, tax-actions.",
    no_args_is_help=True,
)
FILE = typer.Argument(help="A CSV file.", metavar="FILE")
SIDES = ("buy", "sell", "buyback")


@command(app)
def tradebook(
    invocation: Invocation,
    files: Annotated[list[Path], typer.Argument(help="Zerodha's tradebook as CSV, or one with its columns.", metavar="FILE...")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace stored trades that differ.")] = False,
) -> Answer:
    """Import trades made outside tradectl, for lots and taxes. All files are stored, or none.

    They change no position and no cash. A trade that is a fill of this ledger counts once."""
    from tradectl.papers.tradebook import read_tradebook, refuse_repeats

    world = invocation.world()
    trades: dict[object, OutsideTrade] = {}
    found = []
    for path in files:
        check_file(path)
        book = read_tradebook(path)
        refuse_repeats(book)
        for trade in book.trades:
            other = trades.setdefault(trade.key, trade)
            if not other.is_same(trade):
                raise DataError(
                    f"{path.name} row {trade.row}: differs from {other.source} row {other.row} with the same trade id"
                )
        found.append({"file": path.name, "trades": len(book.trades), "skipped": book.skipped})
    merge = _stored(world, list(trades.values()), replace=replace)
    result = {"files": found, **_counts(merge), "symbols": sorted({trade.symbol for trade in trades.values()})}
    return Answer(result, lambda: _tradebook_text(result))


@command(app)
def trade(
    invocation: Invocation,
    symbol: Annotated[str, typer.Argument(help="The symbol on that date.", metavar="SYMBOL")],
    kind: Annotated[str, typer.Argument(help="buy, sell or buyback.", metavar="buy|sell|buyback")],
    quantity: Annotated[int, typer.Argument(help="Shares.", metavar="QUANTITY", min=1)],
    price: Annotated[str, typer.Argument(help="Rupees a share.", metavar="PRICE")],
    day: Annotated[str, typer.Argument(help="The date of the contract note.", metavar="YYYY-MM-DD")],
    isin: Annotated[str, typer.Option(help="Its ISIN, for Schedule 112A.", metavar="ISIN")] = "",
    again: Annotated[bool, typer.Option("--again", help="Another trade, equal to one that is stored.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the trade instead.")] = False,
) -> Answer:
    """Enter one trade made outside tradectl by hand, for lots and taxes."""
    from tradectl.ledger.outside_trades import OutsideTrades
    from tradectl.papers.tradebook import made_id

    entered = _entered(symbol, kind, quantity, price, day, isin)
    world = invocation.world()
    store = OutsideTrades(world.ledger.database, world.user)
    text = f"{kind} {quantity} {entered.symbol} at {output.rupees(f'{entered.price / 100:.2f}')} on {day}"
    base = entered.trade_id.rpartition("-")[0]
    equal = [item for item in store.all() if item.session == entered.session and item.trade_id.rpartition("-")[0] == base]
    if remove:
        if not equal:
            raise UsageError(f"there is no such trade: {text}")
        store.remove(entered.session, equal[-1].trade_id)
        return Answer(_one(entered, removed=True), f"removed: {text}")
    if equal and not again:
        raise UsageError(f"{text} is stored already; --again stores another one like it")
    store.store([changed(entered, trade_id=made_id(entered, len(equal) + 1))], world.clock.now())
    return Answer(_one(entered, removed=False), f"stored: {text}; `tradectl tax lots` shows it")


@command(app, "fair-values")
def fair_values(invocation: Invocation, file: Annotated[Path, FILE]) -> Answer:
    """Import the highest prices of 2018-01-31, by ISIN or symbol, for shares bought until then.

    The file has the columns isin or symbol, and price. It replaces the list that was imported before."""
    from tradectl.papers.lists import read_fair_values

    return _list(invocation, file, FAIR_VALUES, lambda path: len(read_fair_values(path)), "prices of 2018-01-31")


@command(app, "tax-actions")
def tax_actions(invocation: Invocation, file: Annotated[Path, FILE]) -> Answer:
    """Import corporate actions for taxes: cost ratios of demergers, days of allotment, renames, old splits.

    Columns: symbol, ex_date, kind, new, old, to, to_isin, cost_moved_percent, allotted, source. The file replaces the list that
    was imported before; an action in it replaces the announced one of the same date and kind."""
    from tradectl.papers.account import check_tax_actions
    from tradectl.papers.lists import read_tax_actions

    def checked(path: Path) -> int:
        actions = read_tax_actions(path)
        check_tax_actions(actions, invocation.world().market)
        return len(actions)

    return _list(invocation, file, TAX_ACTIONS, checked, "corporate actions for taxes")


def _stored(world: World, trades: list[OutsideTrade], *, replace: bool) -> Merge:
    """Store trades and return what changed. Raises DataError if a stored trade differs and `replace` is not set."""
    from tradectl.ledger.outside_trades import OutsideTrades

    store = OutsideTrades(world.ledger.database, world.user)
    merge = store.compare(trades)
    if merge.differing and not replace:
        old, new = merge.differing[0]
        raise DataError(
            f"{new.source} row {new.row}: trade {new.trade_id} of {new.session} is stored from {old.source} row {old.row} with "
            f"other content; nothing is imported (--replace takes this file, {len(merge.differing)} trades differ)"
        )
    store.store([*merge.new, *(new for _, new in merge.differing)], world.clock.now())
    return merge


def _counts(merge: Merge) -> dict[str, int]:
    return {"new": len(merge.new), "unchanged": len(merge.same), "replaced": len(merge.differing)}


def _tradebook_text(result: dict[str, Any]) -> str:
    rows = [(item["file"], item["trades"], item["skipped"]) for item in result["files"]]
    counts = f"{result['new']} new, {result['unchanged']} unchanged, {result['replaced']} replaced"
    return "\n".join(
        [
            output.table(("file", ">trades", ">other segments"), rows),
            f"{counts}; they count for `tradectl tax lots` and change no position",
        ]
    )


def _entered(symbol: str, kind: str, quantity: int, price: str, day: str, isin: str) -> OutsideTrade:
    """Return a trade entered by hand. Raises UsageError."""
    from tradectl.ledger.outside_trades import OutsideTrade
    from tradectl.model.moment import at_ist
    from tradectl.model.order import Side
    from tradectl.model.symbols import read_symbol
    from tradectl.papers.tradebook import OPENING, made_id

    if kind not in SIDES:
        raise UsageError(f"{kind!r} is not buy, sell or buyback")
    session = parse_day(day)
    if session is None:
        raise UsageError("name the date of the contract note, YYYY-MM-DD")
    paise = rupees(price)
    if paise <= 0:
        raise UsageError(f"{price!r} is not a price above 0")
    try:
        name = read_symbol(symbol).symbol
    except ValueError as error:
        raise UsageError(f"{symbol!r} {error}") from error
    if isin and not (len(isin) == 12 and isin.isascii() and isin.isalnum()):
        raise UsageError(f"{isin!r} is no ISIN")
    side = Side.BUY if kind == "buy" else Side.SELL
    at = at_ist(session, OPENING).astimezone(UTC)
    entered = OutsideTrade(
        session=session,
        exchange="NSE",
        trade_id="",
        symbol=name,
        side=side,
        quantity=quantity,
        price=paise,
        at=at,
        isin=isin.upper(),
        buyback=kind == "buyback",
    )
    return changed(entered, trade_id=made_id(entered, 1))


def _one(entered: OutsideTrade, *, removed: bool) -> dict[str, Any]:
    from tradectl.model.money import to_rupees

    return {
        "symbol": entered.symbol,
        "side": str(entered.side),
        "quantity": entered.quantity,
        "price": to_rupees(entered.price),
        "session": entered.session.isoformat(),
        "isin": entered.isin,
        "buyback": entered.buyback,
        "removed": removed,
    }


def _list(invocation: Invocation, file: Path, name: str, count: Callable[[Path], int], what: str) -> Answer:
    """Check a list and copy it into the home as UTF-8 CSV. Raises DataError for a list that cannot be read."""
    from tradectl.files import PRIVATE, replace_file
    from tradectl.marketdata.importers.source import read_source

    check_file(file)
    invocation.world()
    rows = count(file)
    target = invocation.required_settings().home / name
    try:
        replace_file(target, read_source(file).text.encode(), mode=PRIVATE)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error
    return Answer({"file": file.name, "rows": rows, "stored": str(target)}, f"{rows} {what} from {file.name}, stored in {target}")
