"""Store the day's odd rows among the decisions by symbol, announce each once, and end those that can be read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tradectl.execution import unreadable_rows
from tradectl.ledger.rows import Decision
from tradectl.model.message_kind import MessageKind
from tradectl.model.odd_rows import KEPT_UNDER, OddRow, RowKind

if TYPE_CHECKING:
    from tradectl.ledger.store import Ledger

TASK, RULE = KEPT_UNDER
STOPPED, OTHER, READABLE = "stopped", "not_ours", "readable"
"""The verdicts: the symbol is blocked; the row concerns nothing of tradectl; the rows can be read again."""
NAMELESS = "?"
"""The instrument id of rows without a symbol."""
MOST_SYMBOLS, MOST_ROWS = 50, 10
"""The most unrelated symbols, and the most rows of a symbol, that are stored. Further rows are only counted."""


class OddSymbol(Struct, frozen=True):
    """The odd rows of one symbol. `stops`: they block a symbol that tradectl holds, has ordered or wants."""

    symbol: str
    stops: bool
    rows: tuple[OddRow, ...]
    count: int

    @property
    def text(self) -> str:
        """Return one line: what happened, what it means for the money, what helps."""
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.rows[0].text}{more}. {self._meaning}"

    @property
    def _meaning(self) -> str:
        look = "Look at it in the broker's app; `tradectl reconcile` reads the rows again."
        if not self.stops:
            return "tradectl has no position, order or signal in this symbol: the tasks continue."
        if not self.symbol:
            return f"No buy is sent, and nothing for an order that such a row may hide; other sells continue. {look}"
        if any(row.kind in {RowKind.HOLDING, RowKind.POSITION} for row in self.rows):
            return (
                f"Nothing is sent or changed for {self.symbol} until it can be read. Without it the equity is not known: "
                "no buy is sent if the readable rows show a daily loss, and `eod` stores no statistics. "
                "Sells of other symbols go on. "
                f"{look}"
            )
        return f"Nothing is sent or changed for {self.symbol} until it can be read; other symbols go on. {look}"

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Return the rows as JSON values."""
        return [
            {
                "symbol": self.symbol or None,
                "kind": str(row.kind),
                "field": row.field,
                "value": row.value,
                "broker_order_id": row.broker_order_id or None,
                "stops": self.stops,
            }
            for row in self.rows
        ]


def collect(ledger: Ledger, wanted: Iterable[str]) -> list[OddSymbol]:
    """Return the odd rows of the lists as this process last read them, by symbol; blocking rows first."""
    book, wants = ledger.book, frozenset(wanted)
    found: dict[str, list[tuple[OddRow, bool]]] = {}
    for row in unreadable_rows.all_rows(book):
        found.setdefault(unreadable_rows.symbol_of(book, row), []).append((row, unreadable_rows.is_ours(book, row, wants)))
    made = [
        OddSymbol(symbol, any(ours for _, ours in rows), tuple(row for row, _ in rows[:MOST_ROWS]), len(rows))
        for symbol, rows in found.items()
    ]
    ours = [item for item in made if item.stops]
    return ours + [item for item in made if not item.stops][:MOST_SYMBOLS]


def load(ledger: Ledger, session: date) -> dict[str, OddSymbol]:
    """Return the stored odd rows of a session that have not ended, by symbol."""
    found = {}
    for row in ledger.decisions.by_rule(TASK, session, "", RULE):
        if row.verdict != READABLE:
            inputs = row.inputs
            rows = tuple(OddRow(RowKind(item["kind"]), *(item[name] for name in _FIELDS)) for item in inputs["rows"])
            found[row.symbol] = OddSymbol(row.symbol, row.verdict == STOPPED, rows, inputs["count"])
    return found


def save(
    ledger: Ledger, session: date, now: datetime, found: Sequence[OddSymbol], before: Mapping[str, OddSymbol]
) -> tuple[OddSymbol, ...]:
    """Store rows that differ from those `before`, and end those that can be read again; announce and return the new rows."""
    changed = [item for item in found if item != before.get(item.symbol)]
    ended = [
        item for symbol, item in before.items() if symbol not in {other.symbol for other in found} and _was_read(ledger, item)
    ]
    if not changed and not ended:
        return ()
    with ledger.database.note():
        ledger.decisions.record(TASK, session, "", [*map(_decision, changed), *map(_ended, ended)], now)
        for item in changed:
            _announce(ledger, session, now, item)
        for item in ended:
            text = f"the broker's rows of {item.symbol or 'no symbol'} can be read again"
            ledger.logs.append(now, "info", "row_readable", text, task=TASK, symbol=item.symbol)
    return tuple(changed)


def _was_read(ledger: Ledger, item: OddSymbol) -> bool:
    """Return whether this process has read all lists that the rows came from."""
    return all(unreadable_rows.KINDS[row.kind] in ledger.book.broker.lists for row in item.rows)


def _announce(ledger: Ledger, session: date, now: datetime, item: OddSymbol) -> None:
    """Log the rows, and queue a message where they block a symbol; once a day for each row."""
    ledger.logs.append(now, "error" if item.stops else "warning", RULE, item.text, task=TASK, symbol=item.symbol)
    if item.stops:
        title = f"{item.symbol or 'buys'}: stopped, a row of the broker cannot be read"
        row = item.rows[0]
        key = f"odd:{session}:{item.symbol}:{row.kind}:{row.field}:{row.broker_order_id}"
        ledger.outbox.add(now, title, item.text, key, kind=MessageKind.ORDER_PROBLEM)


_FIELDS = ("symbol", "field", "value", "broker_order_id", "tag")


def _decision(item: OddSymbol) -> Decision:
    rows = [
        {"kind": str(row.kind), "symbol": row.symbol, "field": row.field, "value": row.value, "tag": row.tag}
        | {"broker_order_id": row.broker_order_id}
        for row in item.rows
    ]
    verdict = STOPPED if item.stops else OTHER
    return Decision(item.symbol or NAMELESS, item.symbol, verdict, RULE, item.text, {"rows": rows, "count": item.count})


def _ended(item: OddSymbol) -> Decision:
    reason = f"could not be read before: {item.rows[0].text}"
    return Decision(item.symbol or NAMELESS, item.symbol, READABLE, RULE, reason, {"rows": [], "count": 0})
