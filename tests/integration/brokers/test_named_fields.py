"""An odd row names the field that is odd, and shows its value as the broker sent it: in every list of every broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.property.brokers.test_fuzz import JSON
from tradectl.brokers.http.strict_json import read
from tradectl.brokers.http.value_ranges import brief
from tradectl.errors import TradectlError
from tradectl.model.odd_rows import OddRow, odd_of

Path = tuple[str | int, ...]
GONE = "the field is removed"
VALUES = (
    "٣x☃", "", "-5", -5, 2.5, [1], {"a": 1}, None, True, 10**18, "1999-01-01 09:15:00", "2099-01-01 09:15:00",
    "17-Jul-2099 09:15:02", GONE,
)  # fmt: skip


def leaves(document: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every plain value of a document; of a list only its first row is changed."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, (*path, name))
    elif isinstance(document, list):
        yield from leaves(document[0], (*path, 0)) if document else ()
    else:
        yield path


def changed(document: Any, path: Path, value: object) -> bytes:
    """Return the bytes of a document with another value, or none, at a path."""
    found = deepcopy(document)
    *above, last = path
    inner = found
    for name in above:
        inner = inner[name]
    if value == GONE:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(found).encode()


def odd_rows(kind: str, path: Path, value: object) -> tuple[OddRow, ...]:
    document, make, _ = JSON[kind]
    try:
        return odd_of(make(changed(document, path, value)))
    except TradectlError:
        return ()  # the whole answer is another one than was expected


def names_the_field(row: OddRow, path: Path) -> bool:
    """Return whether an odd row names the changed field; where two fields contradict each other, whether it shows both."""
    field = [name for name in path if isinstance(name, str)][-1]
    return row.field.rpartition(".")[2] == field or " above " in row.value


@pytest.mark.parametrize("kind", [kind for kind in JSON if odd_of(JSON[kind][1](json.dumps(JSON[kind][0]).encode())) == ()])
def test_an_odd_row_names_the_field_that_was_changed(kind: str) -> None:
    for path in leaves(JSON[kind][0]):
        for value in VALUES:
            for row in odd_rows(kind, path, value):
                assert names_the_field(row, path), (path, value, row)


@pytest.mark.parametrize("kind", JSON)
def test_an_odd_row_shows_the_value_as_it_was_sent(kind: str) -> None:
    for path in leaves(JSON[kind][0]):
        for value in VALUES:
            shown = "is missing" if value == GONE else brief(read(json.dumps(value), exact=True))
            for row in odd_rows(kind, path, value):
                assert shown in row.value or isinstance(path[-1], int) or " above " in row.value, (path, value, row)


def test_the_lists_have_odd_rows_to_compare() -> None:
    found = {kind: sum(len(odd_rows(kind, path, -5)) for path in leaves(JSON[kind][0])) for kind in JSON}
    assert min(count for kind, count in found.items() if kind.endswith(("orders", "trades", "holdings", "quotes"))) >= 3


def twice(document: Any, path: Path) -> bytes:
    """Return the bytes of a document in which the field at a path stands twice, with two values."""
    mark = "a second value of the field"
    inner = deepcopy(document)
    found = inner
    for name in path[:-1]:
        found = found[name]
    found[mark] = "another value"
    return json.dumps(inner).replace(json.dumps(mark), json.dumps(path[-1])).encode()


LISTS = [kind for kind in JSON if kind.endswith(("orders", "trades", "holdings", "positions"))]


@pytest.mark.parametrize("kind", LISTS)
def test_a_field_that_a_row_has_twice_costs_that_row_only(kind: str) -> None:
    document, make, _ = JSON[kind]
    fields = [path for path in leaves(document) if isinstance(path[-1], str) and any(isinstance(name, int) for name in path)]
    assert fields
    for path in fields:
        make(twice(document, path))  # raises nothing: the list is read without the row
