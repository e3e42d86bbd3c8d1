"""What `audit verify` finds: a flipped bit, a removed, moved or added entry, a new chain, and rows that the journal denies."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.ledger.conftest import NOW, with_admin
from tradectl.errors import DatabaseError, DataError, UsageError
from tradectl.ledger.audit import Verification, entries, export, parse_head, verify, verify_file
from tradectl.ledger.engine import Database
from tradectl.ledger.journal import FIRST_HASH, Entry
from tradectl.ledger.migrations import create_or_upgrade
from tradectl.ledger.opening import open_database
from tradectl.ledger.store import Ledger

FLIPS = pytest.mark.parametrize("flips", [100, pytest.param(1000, marks=pytest.mark.slow)])
TEXTS = ("at", "actor", "user", "record", "row_key", "change", "content", "hash")


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """A ledger with a score of entries, in a file without a log beside it."""
    database = open_database(path)
    assert database.journal is not None
    database.journal.now = lambda: NOW
    create_or_upgrade(database)
    made = with_admin(database)
    for number in range(3):
        made.settings.set("rsi_period", str(10 + number))
        made.settings.set("universe", f"nifty{number} in ₹")
        made.users.set_trading_state("asha", ("HALTED", "ACTIVE")[number % 2], f"test {number}")
    yield made
    database.close()


def attack(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    """Change the journal as one can who has the file: without the triggers, which are there again afterwards."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA synchronous = OFF")
        triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            file.execute(statement, values)
        for _, text in triggers:
            file.execute(text)
        file.commit()


def found(checked: Verification) -> list[int | None]:
    return [item.entry for item in checked.findings]


def test_a_whole_journal_has_no_finding(ledger: Ledger) -> None:
    checked = verify(ledger.database)
    assert (checked.findings, checked.entries, checked.rows) == ((), 10, 3)
    assert checked.head == ledger.journal_head()


@FLIPS
def test_each_flipped_bit_of_a_row_is_found(ledger: Ledger, path: Path, flips: int) -> None:
    """A bit of any value of any entry, also its number and its hash."""
    chance, stored = random.Random(7), list(entries(ledger.database))
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA synchronous = OFF")
    triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'journal_keeps%'").fetchall()

    def write(column: str, value: object, seq: int) -> None:
        for name, _ in triggers:
            file.execute(f"DROP TRIGGER {name}")
        cast = "CAST(? AS TEXT)" if column != "seq" else "?"
        file.execute(f'UPDATE journal SET "{column}" = {cast} WHERE seq = ?', (value, seq))
        for _, text in triggers:
            file.execute(text)

    for _ in range(flips):
        entry, column = chance.choice(stored), chance.choice((*TEXTS, "seq"))
        file.execute("BEGIN")
        if column == "seq":
            others = {item.seq for item in stored}
            flipped = chance.choice([bit for bit in range(40) if entry.seq ^ 1 << bit not in others])
            write("seq", entry.seq ^ 1 << flipped, entry.seq)
        else:
            content = bytearray(getattr(entry, column), "utf-8")
            place = chance.randrange(len(content) * 8)
            content[place // 8] ^= 1 << place % 8
            write(column, bytes(content), entry.seq)
        file.execute("COMMIT")
        assert entry.seq in found(verify(ledger.database)), (column, entry)
        file.execute("BEGIN")
        moved = entry.seq ^ 1 << flipped if column == "seq" else entry.seq
        write(column, entry.seq if column == "seq" else getattr(entry, column).encode(), moved)
        file.execute("COMMIT")
    file.close()
    assert verify(ledger.database).findings == ()


@FLIPS
def test_each_flipped_bit_of_the_file_is_found(ledger: Ledger, path: Path, flips: int) -> None:
    """Bits of the bytes in which the file has the entries' texts. Other bytes belong to other tables, or are unused."""
    stored = list(entries(ledger.database))
    ledger.database.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA journal_mode = DELETE")
        file.execute("VACUUM")
    whole, chance = path.read_bytes(), random.Random(11)
    for _ in range(flips // 4):
        text = chance.choice(stored).content.encode()
        at = whole.index(text) + chance.randrange(len(text))
        with path.open("r+b") as changed:
            changed.seek(at)
            changed.write(bytes([whole[at] ^ 1 << chance.randrange(8)]))
        database = open_database(path, read_only=True)
        try:
            assert verify(database).findings
        except DatabaseError:
            pass
        finally:
            database.close()
            path.write_bytes(whole)


@FLIPS
def test_each_flipped_bit_of_an_export_is_found(ledger: Ledger, tmp_path: Path, flips: int) -> None:
    file, chance = tmp_path / "journal.jsonl", random.Random(5)
    assert export(ledger.database, file).findings == ()
    whole = file.read_bytes()
    assert (verify_file(file).findings, file.stat().st_mode & 0o777) == ((), 0o600)
    for _ in range(flips):
        place, content = chance.randrange(len(whole) * 8), bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        file.write_bytes(content)
        assert verify_file(file).findings, place


@pytest.mark.parametrize("removed", [1, 7, 10])
def test_a_removed_entry_is_named(ledger: Ledger, path: Path, removed: int) -> None:
    attack(path, "DELETE FROM journal WHERE seq = ?", values=(removed,))
    assert removed in found(verify(ledger.database))


def test_two_entries_in_exchanged_places_are_named(ledger: Ledger, path: Path) -> None:
    for old, new in ((7, -1), (8, 7), (-1, 8)):
        attack(path, "UPDATE journal SET seq = ? WHERE seq = ?", values=(new, old))
    assert {7, 8} <= set(found(verify(ledger.database)))


def test_a_row_that_was_changed_unseen_is_named(ledger: Ledger, path: Path) -> None:
    attack(path, "UPDATE users SET capital = capital + 1")
    [finding] = verify(ledger.database).findings
    assert finding.text == "users asha is not what its last entry, 10, says"
    attack(path, "UPDATE users SET capital = capital - 1")
    attack(path, "DELETE FROM user_trading_config WHERE key = 'universe'")
    assert [item.text for item in verify(ledger.database).findings] == [
        "user_trading_config asha universe of entry 9 was removed unseen"
    ]


def test_a_row_that_was_added_unseen_is_named(ledger: Ledger, path: Path) -> None:
    attack(path, "INSERT INTO user_trading_config VALUES ('asha', 'ema_fast', '9')")
    [finding] = verify(ledger.database).findings
    assert finding.text == "user_trading_config asha ema_fast is in the ledger, but not in the journal"


def test_a_missing_trigger_is_named(ledger: Ledger, path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TRIGGER journal_orders_update")
    [finding] = verify(ledger.database).findings
    assert "journal_orders_update" in finding.text


def test_only_a_head_kept_elsewhere_shows_a_new_chain(ledger: Ledger, path: Path) -> None:
    """Somebody with the file forges an entry, and computes every hash after it again."""
    kept = ledger.journal_head()
    assert kept is not None
    assert verify(ledger.database, [kept.short()]).findings == ()
    before = FIRST_HASH
    for entry in list(entries(ledger.database)):
        content = entry.content.replace('"11"', '"21"')
        names = ("seq", "at", "actor", "user", "record", "row_key", "change")
        forged = Entry(*(getattr(entry, name) for name in names), content)
        before = forged.hash_after(before)
        attack(path, "UPDATE journal SET content = ?, hash = ? WHERE seq = ?", values=(content, before, entry.seq))
    attack(path, "UPDATE journal_head SET hash = ?", values=(before,))
    assert verify(ledger.database).findings == ()
    [finding] = verify(ledger.database, [kept.short()]).findings
    assert (finding.entry, "another hash than the given head" in finding.text) == (kept.seq, True)


def test_a_restored_backup_lacks_the_later_head(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(path)) as file, closing(sqlite3.connect(backup)) as copy:
        file.backup(copy)
    ledger.settings.set("ema_fast", "8")
    later = ledger.journal_head()
    assert later is not None
    restored = open_database(backup)
    assert verify(restored).findings == ()
    [finding] = verify(restored, [later.short()]).findings
    assert "A restored backup does this too" in finding.text
    Ledger(restored, "asha").settings.set("ema_fast", "7")
    [finding] = verify(restored, [later.short()]).findings
    assert "another hash than the given head" in finding.text
    restored.close()


def test_a_cut_export_is_found(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    export(ledger.database, file)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2], [*lines[:3], *lines[4:]], lines[:1], []):
        file.write_text("".join(kept), encoding="utf-8")
        assert verify_file(file).findings


def test_a_simulation_has_no_journal_to_check(path: Path) -> None:
    database: Database = open_database(path, durable=False)
    create_or_upgrade(database)
    with pytest.raises(DataError, match="only live and paper homes"):
        verify(database)
    database.close()


@pytest.mark.parametrize("given", ["", "12", "12:abc", "x:0123456789abcdef", "12:0123456789abcdeg"])
def test_a_head_of_another_form_is_rejected(given: str) -> None:
    with pytest.raises(UsageError, match="head of a journal"):
        parse_head(given)
