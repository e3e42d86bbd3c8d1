"""Check the journal, and the rows that it describes; write it to a file that can be checked without the ledger.

A check reads the stored bytes, so that damage of any kind is a finding and no error. Each finding names the entry or the row. A
person with the file can write a whole new chain. Only a head that left the machine before shows this; the daily message has one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import text

from tradectl.errors import DataError, UsageError
from tradectl.files import PRIVATE, replace_file
from tradectl.ledger.journal import FIRST_HASH, SHOWN, Entry, Head, canonical
from tradectl.ledger.journal_triggers import DELETE, WATCHED, Watched, altered, quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tradectl.ledger.engine import Database

MOST = 50
"""How many findings of one kind are reported."""
_DIGITS = 16
"""The fewest digits of a hash that prove something: 64 bits."""
_FORM = "tradectl journal 1"


class Finding(Struct, frozen=True):
    """One difference. `entry`: the number of the entry; None if it is about a row or a head."""

    entry: int | None
    text: str


class Verification(Struct, frozen=True):
    """The result of a check: how many entries and current rows were compared, the head, and what differs."""

    entries: int
    rows: int
    head: Head | None
    findings: tuple[Finding, ...]


class Chain:
    """Checks entries one after the other. An entry is accepted after the stored or the computed hash of the entry before it, so
    that one changed entry is one finding."""

    def __init__(self) -> None:
        self.count, self.last = 0, 0
        self._before: tuple[str, ...] = (FIRST_HASH,)

    def check(self, entry: Entry) -> Iterator[Finding]:
        """Yield what is wrong with the next entry."""
        self.count += 1
        if entry.seq != self.last + 1:
            yield Finding(self.last + 1, _gap(self.last, entry.seq))
            self._before = (entry.hash,)  # the hash of the missing entry is not known
        elif entry.hash not in (hashes := [entry.hash_after(before) for before in self._before]):
            yield Finding(entry.seq, f"entry {entry.seq} ({entry.record} {entry.row_key}, {entry.at}) was changed or moved")
            self._before = (entry.hash, *hashes)
        else:
            self._before = (entry.hash,)
        self.last = entry.seq

    @property
    def hash(self) -> str:
        """Return the stored hash of the last entry."""
        return self._before[0]


def _gap(last: int, seq: int) -> str:
    """Return the text about an entry that does not follow the entry `last`."""
    if seq <= last:
        return f"entry {seq} is repeated"
    return f"entry {last + 1} is missing" if seq == last + 2 else f"entries {last + 1} to {seq - 1} are missing"


def verify(database: Database, heads: Sequence[str] = ()) -> Verification:
    """Check the chain, its head, the triggers, the copies of earlier heads, and that the current rows equal the journal.

    Raises:
        UsageError: A head is not `NUMBER:HASH`.
        DataError: The database has no journal, because it belongs to a simulation.
    """
    wanted = [parse_head(item) for item in heads]
    with database.read() as connection:
        if not database.sqlite:
            connection.execute(text("SET LOCAL TimeZone = 'UTC'"))
        head = _stored_head(connection)
        if head is None:
            raise DataError(f"{database.name} has no journal: only live and paper homes keep one")
        chain, found, latest = Chain(), [], {}
        claims = {item.seq: item for item in wanted}
        proved: set[int] = set()
        for entry in _stored(connection, sqlite=database.sqlite):
            found += list(chain.check(entry))
            latest[entry.record, entry.row_key] = None if entry.change == DELETE else (entry.seq, hash(entry.content))
            claim = claims.get(entry.seq)
            if claim is not None and entry.hash.startswith(claim.hash):
                proved.add(entry.seq)
        found += _head_findings(chain, head)
        found += [_unproved(item, chain.last) for item in wanted if item.seq not in proved]
        found += [
            Finding(None, f"the trigger {name} is missing or altered: its table may have changed unseen")
            for name in altered(connection)
        ]
        rows, differing = _compare_rows(connection, latest, sqlite=database.sqlite)
    return Verification(chain.count, rows, head, (*found[:MOST], *differing))


def parse_head(given: str) -> Head:
    """Read `NUMBER:HASH`, as the daily message and `audit verify` show it. Raises UsageError."""
    number, _, digits = given.strip().partition(":")
    digits = digits.lower()
    if not number.isdecimal() or not _DIGITS <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
        raise UsageError(
            f"{given!r} is not the head of a journal: it has the form 1204:9f86d081884c7d65..., as in the daily message"
        )
    return Head(int(number), digits)


def export(database: Database, file: Path) -> Verification:
    """Write the whole journal to a file of JSON Lines, readable by its owner only, and check it meanwhile.

    The first line names the form, the last line has the head. Raises OSError if the file cannot be written.
    """
    chain, lines, found = Chain(), [_encode_line({"form": _FORM})], []
    with database.read() as connection:
        head = _stored_head(connection)
        if head is None:
            raise DataError(f"{database.name} has no journal: only live and paper homes keep one")
        for entry in _stored(connection, sqlite=database.sqlite):
            found += list(chain.check(entry))
            lines.append(entry.line())
    lines.append(_encode_line({"entries": chain.count, "hash": chain.hash}))
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    replace_file(file, content, mode=PRIVATE, durable=True)
    return Verification(chain.count, 0, head, (*found[:MOST], *_head_findings(chain, head)))


def verify_file(file: Path, heads: Sequence[str] = ()) -> Verification:
    """Check a file that `export` wrote: every byte counts. Raises DataError for another file, UsageError for a wrong head."""
    wanted = {item.seq: item for item in map(parse_head, heads)}
    content = file.read_bytes().decode("utf-8", "surrogateescape")
    lines = content.split("\n")
    found = [] if lines[0] == _encode_line({"form": _FORM}) else [Finding(None, "line 1 is not the line of this form")]
    if lines[-1] or len(lines) < 3:
        found.append(Finding(None, "the file does not end with a whole line"))
    chain, proved = Chain(), set()
    for number, line in enumerate(lines[1:-2], 2):
        entry = _parsed(line)
        if entry is None:
            found.append(Finding(None, f"line {number} is not an entry as it was written"))
            continue
        found += list(chain.check(entry))
        if entry.seq in wanted and entry.hash.startswith(wanted[entry.seq].hash):
            proved.add(entry.seq)
    if lines[-2:-1] != [_encode_line({"entries": chain.count, "hash": chain.hash})]:
        found.append(Finding(None, "the last line does not fit the entries before it: entries are missing, or it was changed"))
    found += [_unproved(item, chain.last) for item in wanted.values() if item.seq not in proved]
    head = Head(chain.last, chain.hash) if chain.count else None
    return Verification(chain.count, 0, head, tuple(found[:MOST]))


def entries(database: Database) -> Iterator[Entry]:
    """Yield every entry, oldest first."""
    with database.read() as connection:
        yield from _stored(connection, sqlite=database.sqlite)


def _encode_line(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _parsed(line: str) -> Entry | None:
    """Return the entry of a line of an export; None if the line is not byte for byte what `export` writes."""
    try:
        values = json.loads(line)
        named = {name: values[name] for name in ("seq", "at", "actor", "user", "record", "change", "hash")}
        entry = Entry(**named, row_key=values["key"], content=canonical(values["row"]))
        return entry if entry.line() == line and type(entry.seq) is int else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _stored(connection: Connection, *, sqlite: bool) -> Iterator[Entry]:
    """Yield the stored entries by number, as their bytes are, also where these are no text."""
    names = ("at", "actor", "user", "record", "row_key", "change", "content", "hash")
    columns = ", ".join(f"CAST({quoted(name)} AS BLOB)" if sqlite else quoted(name) for name in names)
    cursor = connection.connection.cursor()
    cursor.execute(f"SELECT seq, {columns} FROM journal ORDER BY seq")
    while rows := cursor.fetchmany(1000):
        for seq, *texts in rows:
            yield Entry(seq, *(item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else item for item in texts))


def _stored_head(connection: Connection) -> Head | None:
    cast = "CAST(hash AS BLOB)" if connection.dialect.name == "sqlite" else "hash"
    cursor = connection.connection.cursor()
    cursor.execute(f"SELECT seq, {cast} FROM journal_head")
    row = cursor.fetchone()
    if row is None:
        cursor.execute("SELECT max(seq) FROM journal")
        return Head(0, "") if cursor.fetchall() != [(None,)] else None
    return Head(row[0], row[1].decode("utf-8", "surrogateescape") if isinstance(row[1], bytes) else row[1])


def _head_findings(chain: Chain, head: Head) -> Iterator[Finding]:
    if head.seq > chain.last:
        yield Finding(
            chain.last + 1, f"the journal ends at entry {chain.last}, its head is {head.seq}: the last entries are missing"
        )
    elif (head.seq, head.hash) != (chain.last, chain.hash):
        yield Finding(head.seq, f"the stored head {head.seq}:{head.hash[:SHOWN]!a} is not the last entry, {chain.last}")


def _unproved(head: Head, last: int) -> Finding:
    if head.seq > last:
        text = f"entry {head.seq} of the given head is missing: the journal ends at {last}. A restored backup does this too"
        return Finding(head.seq, text)
    text = f"entry {head.seq} has another hash than the given head: the journal was written anew, or a backup was restored"
    return Finding(head.seq, text)


def _compare_rows(
    connection: Connection, latest: dict[tuple[str, str], tuple[int, int] | None], *, sqlite: bool
) -> tuple[int, list[Finding]]:
    """Return how many current rows were compared, and the differences from the last entry of each row."""
    found: list[Finding] = []
    count = 0
    for watched in WATCHED:
        known = {key: value for (record, key), value in latest.items() if record == watched.name and value is not None}
        differing: list[Finding] = []
        for key, content in _current(connection, watched, sqlite=sqlite):
            count += 1
            last = known.pop(key, None)
            if last is None:
                differing.append(Finding(None, f"{watched.name} {key} is in the ledger, but not in the journal"))
            elif hash(content) != last[1]:
                differing.append(Finding(last[0], f"{watched.name} {key} is not what its last entry, {last[0]}, says"))
        differing += [Finding(seq, f"{watched.name} {key} of entry {seq} was removed unseen") for key, (seq, _) in known.items()]
        found += islice(differing, MOST)
    return count, found


def _current(connection: Connection, watched: Watched, *, sqlite: bool) -> Iterator[tuple[str, str]]:
    """Yield key and canonical content of each current row of a watched table."""
    cursor = connection.connection.cursor()
    one: Callable[[str], str] = (lambda expression: f"CAST({expression} AS BLOB)") if sqlite else (lambda expression: expression)
    identity, content = one(watched.identity("r")), one(watched.content("r", sqlite=sqlite))
    cursor.execute(f"SELECT {identity}, {content} FROM {watched.name} r WHERE {watched.condition('r')}")
    for key, row in _decoded(cursor.fetchall()):
        try:
            yield key, canonical(row)
        except ValueError:
            yield key, row


def _decoded(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield tuple(item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else item for item in row)
