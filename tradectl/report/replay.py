"""Compare what a session recorded with what its replay did: decisions, signals, orders, fills and messages."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.ledger import schema
from tradectl.ledger.journal import rounded
from tradectl.ledger.past_state import changed_rows, current_rows, stored
from tradectl.model.moment import to_ist
from tradectl.model.order import CLIENT_TAG

if TYPE_CHECKING:
    from tradectl.ledger.past_state import Row, Rows
    from tradectl.ledger.recorded_session import RecordedSession
    from tradectl.ledger.store import Ledger
    from tradectl.model.recording import Divergence


class Compared(Struct, frozen=True):
    """How rows of a table are compared: by which columns they are found, and which of the others must be equal."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]


COMPARED = (
    Compared("decisions", ("task", "slot", "symbol", "rule"), ("verdict", "reason", "inputs")),
    Compared(
        "signals",
        ("analysed", "symbol"),
        ("verdict", "rank", "close", "limit_price", "level", "strength", "backtest", "combined", "status"),
    ),
    Compared(
        "orders",
        ("session_date", "symbol", "side", "purpose", "leg", "generation"),
        ("quantity", "price", "variety", "status", "reason_code", "filled_quantity", "modifications"),
    ),
    Compared("fills", ("symbol", "side", "at"), ("quantity", "price", "charges", "booked")),
    Compared("outbox", ("deduplicate", "title"), ("kind", "body")),
)
"""Numbers of rows, of the broker, and of processes are not compared."""


class Difference(Struct, frozen=True):
    """One row that differs. `recorded` or `replayed` is None if the row is only in the other; they have the differing columns.

    The value of a column that a replay cannot know is UNKNOWN: a command that was never sent has no reply.
    """

    table: str
    key: dict[str, Any]
    recorded: dict[str, Any] | None
    replayed: dict[str, Any] | None


UNKNOWN = "unknown"
_ORDER, _ROW = re.compile(r"\b([Oo]rder|show) \d+"), re.compile(r"^(\w+):\d+:")
"""The numbers of rows in the texts and in the keys of messages."""
_NOT_COMPARED = ("missed:", "not_recorded:")
"""The begins of the keys of messages about runs that were not made, and about the recording itself."""
_BY_THE_BROKER = ("status", "reason_code", "filled_quantity", "modifications")
"""The columns of an order that follow from the broker's replies."""
_OF_THE_DAY = "eod:"
"""The begin of the key of the daily message, which sums up all symbols."""


def written(ledger: Ledger, recorded: RecordedSession) -> dict[str, list[Row]]:
    """Return what the replay has written, in the form of `RecordedSession.results`."""
    before: Rows = {name: {str(row["id"]): row for row in rows} for name, rows in recorded.before.items() if name in _BY_ID}
    found = {}
    for name in _BY_ID:
        columns = schema.metadata.tables[name].c
        old = {
            key: {column: stored(columns[column], value) for column, value in row.items()}
            for key, row in before.get(name, {}).items()
        }
        now = {str(row["id"]): row for row in current_rows(ledger.database, schema.metadata.tables[name])}
        found[name] = [row for row in changed_rows({name: old}, {name: now}, name) if row["user"] == recorded.user]
    found["decisions"] = current_rows(ledger.database, schema.decisions, f"session_date = '{recorded.session}'")
    if "outbox" in recorded.results:
        earlier = {row["deduplicate"] for row in recorded.before.get("outbox", ())}
        sent = current_rows(ledger.database, schema.outbox)
        found["outbox"] = [row for row in sent if row["user"] == recorded.user and row["deduplicate"] not in earlier]
    return found


_BY_ID = ("signals", "orders", "fills")


def differences(
    recorded: dict[str, list[Row]],
    replayed: dict[str, list[Row]],
    tasks: Iterable[str],
    unknown: Collection[str] = (),
    *,
    partial: bool = False,
) -> list[Difference]:
    """Return the rows that differ, decisions first.

    Args:
        tasks: Whose decisions are compared.
        unknown: The symbols for which a command was sent that has no recorded reply.
        partial: Only a part of the session ran again. A decision that was replaced later is then not compared.
    """
    found: list[Difference] = []
    wanted = set(tasks)
    for compared in COMPARED:
        columns = schema.metadata.tables[compared.table].c
        ours, theirs = (
            _by_key(compared, [row for row in rows.get(compared.table, ()) if _is_compared(row, wanted)], columns)
            for rows in (recorded, replayed)
        )
        for key in dict.fromkeys([*ours, *theirs]):
            found += _difference(compared, key, ours.get(key), theirs.get(key))
    if partial:
        found = [item for item in found if item.table != "decisions" or item.recorded is not None]
    return [item for difference in found if (item := _as_known(difference, unknown)) is not None]


def commands(divergences: Iterable[Divergence]) -> list[Difference]:
    """Return the first command of each symbol that differs."""
    return [
        Difference(
            "commands",
            {
                "task": item.task,
                "slot": item.slot,
                "at": f"{to_ist(item.at):%H:%M:%S}",
                "symbol": item.symbol,
                "command": item.command,
            },
            item.recorded,
            item.replayed,
        )
        for item in divergences
    ]


def _as_known(found: Difference, unknown: Collection[str]) -> Difference | None:
    """Return a difference without values that the replay cannot know; None if nothing is left to compare."""
    if not unknown:
        return found
    if found.table == "outbox":
        if found.key["deduplicate"].startswith(_OF_THE_DAY):
            return replace(found, replayed=dict.fromkeys(found.recorded or {}, UNKNOWN))
        texts = " ".join(str(value) for side in (found.recorded, found.replayed) for value in (side or {}).values())
        texts = f"{texts} {found.key['deduplicate']} {found.key['title']}"
        return None if any(symbol in texts for symbol in unknown) else found
    if found.key.get("symbol") not in unknown:
        return found
    if found.table == "fills" and found.recorded is not None:
        return replace(found, replayed=dict.fromkeys(found.recorded, UNKNOWN))
    if found.table == "orders" and found.replayed is not None:
        known = {name: UNKNOWN if name in _BY_THE_BROKER else value for name, value in found.replayed.items()}
        return replace(found, replayed=known)
    return found


def _is_compared(row: Row, tasks: Collection[str]) -> bool:
    """Return whether a row was written by one of the tasks."""
    return (row.get("task") is None or row["task"] in tasks) and not str(row.get("deduplicate", "")).startswith(_NOT_COMPARED)


def _by_key(compared: Compared, rows: Sequence[Row], columns: Any) -> dict[tuple[Any, ...], Row]:
    """Return rows by key; equal keys are numbered."""
    seen: Counter[tuple[Any, ...]] = Counter()
    found = {}
    for row in rows:
        values = {name: _compared(name, stored(columns[name], row.get(name))) for name in (*compared.key, *compared.values)}
        key = tuple(values[name] for name in compared.key)
        seen[key] += 1
        found[*key, seen[key]] = values
    return found


def _compared(name: str, value: Any) -> Any:
    if name == "body":  # the daily message has the head of the journal, which a replay does not write
        return _ORDER.sub(r"\1 #", "\n".join(line for line in str(value).splitlines() if not line.startswith("journal ")))
    if name == "deduplicate":
        return CLIENT_TAG.sub("#", _ROW.sub(r"\1:#:", str(value)))
    if name == "inputs":
        return json.loads(value) if isinstance(value, str) else value
    return rounded(value) if isinstance(value, float) else value


def _difference(compared: Compared, key: tuple[Any, ...], ours: Row | None, theirs: Row | None) -> list[Difference]:
    if ours == theirs:
        return []
    named = dict(zip(compared.key, key, strict=False))
    if ours is None or theirs is None:
        shown = [{name: row[name] for name in compared.values} if row is not None else None for row in (ours, theirs)]
        return [Difference(compared.table, named, *shown)]
    changed = [name for name in compared.values if ours[name] != theirs[name]]
    if "inputs" in changed:
        old, new = ours["inputs"], theirs["inputs"]
        names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
        ours = ours | {"inputs": {name: old[name] for name in names if name in old}}
        theirs = theirs | {"inputs": {name: new[name] for name in names if name in new}}
    sides = ({name: row[name] for name in changed} for row in (ours, theirs))
    return [Difference(compared.table, named, *sides)]
