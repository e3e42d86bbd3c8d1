"""Compare a tradebook with the ledger's fills, trade by trade.

A trade is found by its content and trade id, else by its day and trade id, else by its ids alone, else by its content alone.
Trades whose fills a person entered are compared as a whole order. Only the days from the first to the last of the tradebook are
compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import timedelta

from tradectl.ledger.outside_trades import OutsideTrade
from tradectl.ledger.rows import BY_HAND
from tradectl.model.moment import to_ist
from tradectl.model.money import Paise, to_rupees
from tradectl.papers.account_trades import FindInstrument, trade_names
from tradectl.papers.findings import Difference, Finding, Outcome
from tradectl.papers.tradebook import MADE, Tradebook
from tradectl.tax.events import Trade

SECOND = timedelta(seconds=1)
"""A tradebook has times to the second."""


def compare_tradebook(book: Tradebook, fills: Iterable[Trade], find: FindInstrument) -> list[Finding]:
    """Return a finding for each trade of the tradebook, and for each fill of its days that it lacks."""
    if not book.trades:
        return []
    first = min(trade.session for trade in book.trades)
    last = max(trade.session for trade in book.trades)
    ours = [fill for fill in fills if first <= fill.session <= last]
    theirs = list(book.trades)
    findings: list[Finding] = []
    for their_key, our_keys in _passes(find):
        pairs = _pairs(theirs, ours, their_key, our_keys)
        findings += [_compared(book, trade, fill, find) for trade, fill in pairs]
        taken, given = {id(trade) for trade, _ in pairs}, {id(fill) for _, fill in pairs}
        theirs = [trade for trade in theirs if id(trade) not in taken]
        ours = [fill for fill in ours if id(fill) not in given]
    whole, theirs, ours = _by_order(book, theirs, ours)
    findings += whole
    findings += [_only_there(book, trade, "") for trade in theirs]
    findings += [_only_there(book, trade, "repeats a trade id of this paper") for trade in book.repeated]
    findings += [
        Finding(Outcome.MISSING_THERE, book.name, 0, fill.session, fill.symbol, "trade", fill.trade_id, note=_terms(fill))
        for fill in ours
    ]
    return sorted(findings, key=lambda item: (item.session, item.row, item.key))


Key = Callable[[OutsideTrade], Hashable | None]
Keys = Callable[[Trade], Sequence[Hashable]]


def _passes(find: FindInstrument) -> list[tuple[Key, Keys]]:
    """Return the ways to find the fill of a trade, the surest first."""

    def by_id(trade: OutsideTrade) -> Hashable | None:
        return None if trade.trade_id.startswith(MADE) else (trade.session, trade.trade_id)

    def content(trade: OutsideTrade) -> tuple[Hashable, ...]:
        return trade.session, find(trade.symbol, trade.session), trade.side, trade.quantity, trade.price

    def exact(trade: OutsideTrade) -> Hashable:
        return (*content(trade), trade.order_id, trade.at.replace(microsecond=0))

    def terms(fill: Trade) -> tuple[Hashable, ...]:
        return fill.session, fill.instrument, fill.side, fill.quantity, fill.price

    def whole(trade: OutsideTrade) -> Hashable | None:
        return None if trade.trade_id.startswith(MADE) else (*content(trade), trade.trade_id)

    return [
        (whole, lambda fill: [(*terms(fill), name) for name in trade_names(fill.trade_id)]),
        (by_id, lambda fill: [(fill.session, name) for name in trade_names(fill.trade_id)]),
        (
            lambda trade: None if trade.trade_id.startswith(MADE) else (trade.trade_id, trade.order_id),
            lambda fill: [(name, fill.order_id) for name in trade_names(fill.trade_id)],
        ),
        (exact, lambda fill: [(*terms(fill), fill.order_id, fill.at.replace(microsecond=0))]),
        (content, lambda fill: [] if fill.trade_id.startswith(BY_HAND) else [terms(fill)]),
    ]


def _pairs(theirs: Sequence[OutsideTrade], ours: Sequence[Trade], key: Key, keys: Keys) -> list[tuple[OutsideTrade, Trade]]:
    """Return trades and fills with an equal key, each once, in the order of both."""
    waiting: dict[Hashable, list[Trade]] = defaultdict(list)
    for fill in ours:
        for name in keys(fill):
            waiting[name].append(fill)
    found: list[tuple[OutsideTrade, Trade]] = []
    given: set[int] = set()
    for trade in theirs:
        name = key(trade)
        free = [item for item in waiting.get(name, ()) if id(item) not in given] if name is not None else []
        if free:
            given.add(id(free[0]))
            found.append((trade, free[0]))
    return found


def _compared(book: Tradebook, trade: OutsideTrade, fill: Trade, find: FindInstrument) -> Finding:
    differences: list[Difference] = []

    def compare(field: str, theirs: object, ours: object, by: Paise | None = None) -> None:
        if theirs != ours:
            differences.append(Difference(field, str(theirs), str(ours), by))

    compare("trade_date", trade.session, fill.session)
    if find(trade.symbol, trade.session) != fill.instrument:
        differences.append(Difference("symbol", trade.symbol, fill.symbol))
    compare("side", str(trade.side), str(fill.side))
    compare("quantity", trade.quantity, fill.quantity)
    if trade.price != fill.price:
        compare("price", to_rupees(trade.price), to_rupees(fill.price), trade.price - fill.price)
    if trade.order_id and fill.order_id and not fill.order_id.startswith("order "):
        compare("order_id", trade.order_id, fill.order_id)
    if not trade.trade_id.startswith(MADE) and trade.trade_id not in trade_names(fill.trade_id):
        compare("trade_id", trade.trade_id, fill.trade_id)
    same_day = trade.session == fill.session
    if book.timed and same_day and abs(trade.at - fill.at) >= SECOND:
        compare("time", f"{to_ist(trade.at):%H:%M:%S}", f"{to_ist(fill.at):%H:%M:%S}")
    outcome = Outcome.DIFFERS if differences else Outcome.EQUAL
    return Finding(
        outcome=outcome,
        paper=book.name,
        row=trade.row,
        session=trade.session,
        symbol=trade.symbol,
        line="trade",
        key=trade.trade_id,
        differences=tuple(differences),
        note=fill.trade_id,
    )


def _by_order(
    book: Tradebook, theirs: Sequence[OutsideTrade], ours: Sequence[Trade]
) -> tuple[list[Finding], list[OutsideTrade], list[Trade]]:
    """Compare orders whose fills a person entered: quantity and value of the whole order. Return also what is left."""
    entered: dict[Hashable, list[Trade]] = defaultdict(list)
    for fill in ours:
        if fill.trade_id.startswith(BY_HAND):
            entered[(fill.session, fill.order_id)].append(fill)
    found: list[Finding] = []
    done: set[Hashable] = set()
    for key, fills in entered.items():
        trades = [trade for trade in theirs if (trade.session, trade.order_id) == key]
        if not trades:
            continue
        done.add(key)
        sums = [(sum(item.quantity for item in of), sum(item.quantity * item.price for item in of)) for of in (trades, fills)]
        differences = []
        if sums[0][0] != sums[1][0]:
            differences.append(Difference("quantity", str(sums[0][0]), str(sums[1][0])))
        if sums[0][1] != sums[1][1]:
            differences.append(Difference("value", to_rupees(sums[0][1]), to_rupees(sums[1][1]), sums[0][1] - sums[1][1]))
        outcome = Outcome.DIFFERS if differences else Outcome.EQUAL
        note = "the fills of this order were entered by hand; the whole order is compared"
        first = trades[0]
        found.append(
            Finding(
                outcome=outcome,
                paper=book.name,
                row=first.row,
                session=first.session,
                symbol=first.symbol,
                line="order",
                key=first.order_id,
                differences=tuple(differences),
                note=note,
            )
        )
    left = [trade for trade in theirs if (trade.session, trade.order_id) not in done]
    kept = [fill for fill in ours if not (fill.trade_id.startswith(BY_HAND) and (fill.session, fill.order_id) in done)]
    return found, left, kept


def _only_there(book: Tradebook, trade: OutsideTrade, note: str) -> Finding:
    text = note or f"{trade.side} {trade.quantity} at {to_rupees(trade.price)}"
    return Finding(Outcome.MISSING_HERE, book.name, trade.row, trade.session, trade.symbol, "trade", trade.trade_id, note=text)


def _terms(fill: Trade) -> str:
    return f"{fill.side} {fill.quantity} at {to_rupees(fill.price)}"
