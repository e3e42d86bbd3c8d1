"""Compare the charge lines of papers with those that the table of charges gives for the ledger's fills, to the paisa."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time

from msgspec import Struct

from tradectl.exchange.charge_parts import netted
from tradectl.exchange.charges import Lines, day_charges
from tradectl.exchange.rates import Tariff
from tradectl.model.money import Paise, to_rupees
from tradectl.model.order import Fill, Side
from tradectl.papers.account_trades import FindInstrument
from tradectl.papers.charge_lines import KITE_TOLERANCE, ChargeLine
from tradectl.papers.findings import Difference, Finding, Outcome
from tradectl.tax.events import Trade

ON_NOTE = ("brokerage", "stt", "transaction", "ipft", "sebi", "stamp", "gst")
"""The lines of a contract note. The DP charge is posted to the account's ledger instead."""


class SideOfDay(Struct, frozen=True):
    """One side of one symbol and day in the ledger: its value (paise), its lines, and whether shares of it were netted."""

    session: date
    instrument: str
    symbol: str
    side: Side
    quantity: int
    value: Paise
    lines: Lines
    netted: bool


def sides_of_days(fills: Iterable[Trade], tariff: Tariff) -> list[SideOfDay]:
    """Return each side of each symbol and day, with its charges by the table."""
    days: dict[tuple[date, str], list[Trade]] = defaultdict(list)
    for fill in fills:
        days[(fill.session, fill.instrument)].append(fill)
    found: list[SideOfDay] = []
    for (day, instrument), trades in sorted(days.items()):
        orders: dict[str, int] = {}
        made = [
            Fill(
                item.trade_id, instrument, item.side, item.quantity, item.price, day, item.at,
                orders.setdefault(item.order_id, len(orders) + 1) if item.order_id else 0,
            )
            for item in trades
        ]  # fmt: skip
        netting = not any(item.trade_for_trade for item in trades)
        charges, same_day = day_charges(day, made, tariff, netting=netting), any(netted(made, netting=netting).values())
        for side, lines in ((Side.BUY, charges.buy), (Side.SELL, charges.sell)):
            own = [item for item in trades if item.side is side]
            if own:
                quantity, value = sum(item.quantity for item in own), sum(item.value for item in own)
                found.append(SideOfDay(day, instrument, own[0].symbol, side, quantity, value, lines, same_day))
    return found


class Compared(Struct, frozen=True):
    """A line of a paper, the sides of the ledger that it is for, and the names of our lines that it is the sum of."""

    line: ChargeLine
    sides: tuple[SideOfDay, ...]
    names: tuple[str, ...]


def compare_lines(
    paper: str, lines: Sequence[ChargeLine], sides: Sequence[SideOfDay], find: FindInstrument, tariff: Tariff
) -> tuple[list[Finding], list[Compared]]:
    """Return a finding for each line of a paper and for each of ours that it lacks; and the compared lines, for the rates."""
    findings: list[Finding] = []
    compared: list[Compared] = []
    split_ipft = {line.scope for line in lines if line.line == "ipft"}
    for line in lines:
        own = tuple(side for side in sides if _covers(line, side, find))
        names = _names(line, apart=line.scope in split_ipft)
        if line.order is not None:
            ours: Paise | None = _amount(_lines_alone(line, tariff), names) if own else None
        else:
            ours = sum(_amount(side.lines, names) for side in own) if own else None
        compared.append(Compared(line, own, names))
        findings.append(_finding(paper, line, own, ours))
    findings += _order_sums(paper, lines, sides, find)
    findings += _lacking(paper, lines, sides, find)
    return findings, compared


def _covers(line: ChargeLine, side: SideOfDay, find: FindInstrument) -> bool:
    """Return whether a line is for a side of the ledger."""
    if side.session != line.session or (line.side is not None and side.side is not line.side):
        return False
    return not line.symbol or side.instrument == find(line.symbol, line.session)


def _names(line: ChargeLine, *, apart: bool) -> tuple[str, ...]:
    """Return our lines that one line of a paper is: `exchange` has the IPFT in it, unless the paper lists that apart."""
    if line.line == "exchange":
        return ("transaction",) if apart else ("transaction", "ipft")
    return (line.line,)


def _amount(lines: Lines, names: Iterable[str]) -> Paise:
    return sum(getattr(lines, name) for name in names)


def _lines_alone(line: ChargeLine, tariff: Tariff) -> Lines:
    """Return the table's lines of one order, as if it were the only one of its day."""
    assert line.order is not None
    assert line.side is not None
    fill = Fill("1", line.symbol, line.side, 1, line.order[1], line.session, datetime.combine(line.session, time(), UTC), 1)
    charges = day_charges(line.session, [fill], tariff)
    return charges.buy if line.side is Side.BUY else charges.sell


def _finding(paper: str, line: ChargeLine, sides: Sequence[SideOfDay], ours: Paise | None) -> Finding:
    key = " ".join(part for part in (str(line.session), line.symbol, str(line.side or "")) if part)
    if ours is None:
        return Finding(
            Outcome.MISSING_HERE, paper, line.row, line.session, line.symbol, line.line, key,
            note=f"{to_rupees(line.amount)}; the ledger has no trade of it",
        )  # fmt: skip
    by = line.amount - ours
    tolerance = 0 if line.order is None else KITE_TOLERANCE.get(line.line, 1)
    if abs(by) <= tolerance:
        note = "" if by == 0 else f"{to_rupees(by)} by rounding: Kite's own calculation rounds nothing"
        return Finding(Outcome.EQUAL, paper, line.row, line.session, line.symbol, line.line, key, note=note)
    rounded = len(sides) * (50 if line.line == "stt" else 1)
    note = (
        f"may be rounding: our amount is the sum of {len(sides)} rounded lines" if len(sides) > 1 and abs(by) <= rounded else ""
    )
    difference = Difference("amount", to_rupees(line.amount), to_rupees(ours), by)
    return Finding(
        outcome=Outcome.DIFFERS,
        paper=paper,
        row=line.row,
        session=line.session,
        symbol=line.symbol,
        line=line.line,
        key=key,
        differences=(difference,),
        note=note,
    )


def _order_sums(paper: str, lines: Sequence[ChargeLine], sides: Sequence[SideOfDay], find: FindInstrument) -> list[Finding]:
    """Compare shares and value of Kite's orders with the fills of their day, symbol and side."""
    orders: dict[tuple[date, str, Side], dict[int, tuple[int, Paise]]] = defaultdict(dict)
    for line in lines:
        if line.order is not None and line.side is not None:
            orders[(line.session, line.symbol, line.side)][line.row] = line.order
    found: list[Finding] = []
    for (day, symbol, direction), rows in orders.items():
        own = [side for side in sides if side.session == day and side.side is direction and side.instrument == find(symbol, day)]
        if not own:
            continue  # each of its lines is reported as missing here
        theirs = tuple(map(sum, zip(*rows.values(), strict=True)))
        ours = (own[0].quantity, own[0].value)
        differences = [
            Difference("quantity", str(theirs[0]), str(ours[0])) if theirs[0] != ours[0] else None,
            Difference("value", to_rupees(theirs[1]), to_rupees(ours[1]), theirs[1] - ours[1])
            if abs(theirs[1] - ours[1]) > ours[0]  # the average price of a note has two decimals
            else None,
        ]
        wrong = tuple(item for item in differences if item is not None)
        outcome = Outcome.DIFFERS if wrong else Outcome.EQUAL
        found.append(Finding(outcome, paper, min(rows), day, symbol, "order", f"{day} {symbol} {direction}", wrong))
    return found


def _lacking(paper: str, lines: Sequence[ChargeLine], sides: Sequence[SideOfDay], find: FindInstrument) -> list[Finding]:
    """Return the amounts of ours, on the days from the first to the last of the paper, for which it has no line."""
    if not lines:
        return []
    first, last = min(line.session for line in lines), max(line.session for line in lines)
    wanted = (*ON_NOTE, *(("dp",) if any(line.line == "dp" for line in lines) else ()))
    found: list[Finding] = []
    by_day: Mapping[date, list[ChargeLine]] = _by_day(lines)
    split = {line.scope for line in lines if line.line == "ipft"}
    missing: dict[tuple[date, str, str], Paise] = defaultdict(int)
    for side in sides:
        if not first <= side.session <= last:
            continue
        of_day = [line for line in by_day.get(side.session, ()) if _covers(line, side, find)]
        given = {name for line in of_day for name in _names(line, apart=line.scope in split)}
        for name in wanted:
            if name not in given and getattr(side.lines, name):
                symbol = side.symbol if any(line.symbol for line in by_day.get(side.session, ())) else ""
                missing[(side.session, symbol, name)] += getattr(side.lines, name)
    for (day, symbol, name), amount in missing.items():
        key = f"{day} {symbol}".strip()
        found.append(Finding(Outcome.MISSING_THERE, paper, 0, day, symbol, name, key, note=f"{to_rupees(amount)} by the table"))
    return found


def _by_day(lines: Sequence[ChargeLine]) -> dict[date, list[ChargeLine]]:
    days: dict[date, list[ChargeLine]] = defaultdict(list)
    for line in lines:
        days[line.session].append(line)
    return days
