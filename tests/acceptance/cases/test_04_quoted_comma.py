"""Case 04: an import depends neither on the order of the rows nor on quoting."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import permutations
from pathlib import Path

from tests.acceptance.cases.inputs import cases
from tests.integration.cli.conftest import Tradectl, home, tradectl

__all__ = ["cases", "home", "tradectl"]


def test_a_comma_within_quotes_is_part_of_a_name(cases: Path, tradectl: Tradectl, home: Path, tmp_path: Path) -> None:
    header, *rows = (cases / "04-quoted-comma" / "ind_nifty50list.csv").read_text().splitlines()
    for order in permutations(rows):
        for quoted in (False, True):
            path = tmp_path / "ind_nifty50list.csv"
            head = ",".join(f'"{name}"' for name in header.split(",")) if quoted else header
            path.write_text("\n".join([head, *order]) + "\n")
            done = tradectl("data", "import", str(path))
            assert (done.code, done.err) == (0, "")
            with closing(sqlite3.connect(home / "market" / "archive.db")) as archive:
                found = archive.execute("SELECT list, symbol, name, isin FROM lists ORDER BY symbol").fetchall()
            assert found == [
                ("nifty50", "ALPHA", "Alpha, Beta & Co Ltd.", "INE000A01011"),
                ("nifty50", "GAMMA", "Gamma Ltd.", "INE000A01029"),
            ]
