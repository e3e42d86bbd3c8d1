"""The meaning of a file does not change with its spelling: `-m slow` tries each kind a thousand times."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.marketdata.spellings import KNOWN, otherwise, plain
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.importers.registry import IMPORTERS, importer_for
from tradectl.marketdata.importers.source import read_source
from tradectl.marketdata.session_minutes import of_sessions

Meaning = tuple[str, str, list[tuple[Any, ...]], Counter[str]]


def meaning(path: Path, content: bytes, sessions: SessionTable) -> Meaning:
    """What an import of the file would write: its kind, the table, the rows in order, and what was left out."""
    path.write_bytes(content)
    source = read_source(path)
    importer = importer_for(source)
    parsed = importer.parse(source)
    if parsed.table == "minutes":
        parsed = of_sessions(source, parsed, sessions)
    columns = sorted(map(str, parsed.frame.columns))
    return importer.KIND, parsed.table, sorted(parsed.frame[columns].itertuples(index=False, name=None)), parsed.skipped


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("examples", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_files_meaning_is_not_its_spelling(tmp_path: Path, sessions: SessionTable, kind: str, examples: int) -> None:
    known = KNOWN[kind]
    expected = meaning(tmp_path / known.name, plain(known), sessions)
    assert kind.startswith(expected[0]) or expected[0] in kind

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.integers(0, 2**63))
    def spelled_otherwise(seed: int) -> None:
        name, content = otherwise(known, Random(seed))
        assert meaning(tmp_path / name, content, sessions) == expected

    spelled_otherwise()


def test_every_importer_has_a_known_file() -> None:
    kinds = {importer.KIND for importer in IMPORTERS}
    assert {kind for kind in kinds if not any(name.startswith(kind) for name in KNOWN)} == set()
