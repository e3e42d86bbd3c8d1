"""Our adapters send what the official clients send, but for what the table of allowed differences lists."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from tests.lab.witnesses.allowed import ALLOWED, Allowed, unlisted, unused
from tests.lab.witnesses.comparison import Difference, Recording, Secrets, differences
from tests.lab.witnesses.page import PAGE, WITNESSES, differing, table, transcript
from tests.lab.witnesses.recorder import Exchange

NOTHING_HIDDEN = Secrets({})
REQUEST = Exchange(
    "place", "POST", "/orders/regular", [("v", "3")],
    {"authorization": "token k:t", "content-type": "application/x-www-form-urlencoded", "host": "127.0.0.1:1"},
    b"quantity=10&price=100.5",
)  # fmt: skip
JSON = replace(REQUEST, path="/api/v1/placeorder", headers={"content-type": "application/json"}, body=b'{"quantity": "10"}')


@pytest.mark.parametrize("broker", WITNESSES)
def test_every_difference_is_listed_and_occurs(broker: str) -> None:
    witness = WITNESSES[broker]
    theirs, ours = witness.played(witness.official), witness.played(witness.ours)
    found = differing(theirs, ours)
    assert (unlisted(broker, found), unused(broker, found)) == ([], [])
    assert transcript(broker, theirs) in PAGE.read_text(encoding="utf-8")


def test_the_page_has_the_whole_table_and_no_secret() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert table() in text
    for secret in ("JBSWY3DP", "246810", "sandboxsecret"):
        assert secret not in text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (replace(REQUEST, body=b"quantity=11&price=100.5"), "form quantity"),
        (replace(REQUEST, body=b"quantity=10"), "form price"),
        (replace(REQUEST, body=b"quantity=10&price=100.5&tag=x"), "form tag"),
        (replace(REQUEST, body=b"quantity=10&quantity=10&price=100.5"), "form quantity"),
        (replace(REQUEST, query=[]), "query v"),
        (replace(REQUEST, headers={**REQUEST.headers, "authorization": "token k:u"}), "header authorization"),
        (replace(REQUEST, headers={**REQUEST.headers, "content-type": "text/plain"}), "header content-type"),
        (replace(REQUEST, sent=['{"a": "subscribe"}']), "frame 1 a"),
    ],
)
def test_a_changed_field_is_a_difference(changed: Exchange, field: str) -> None:
    theirs, ours = (Recording([item], NOTHING_HIDDEN) for item in (REQUEST, changed))
    assert field in {item.field for item in differences(theirs, ours)}


@pytest.mark.parametrize(
    "body", [b'{"quantity": 10}', b'{"quantity": null}', b'{"quantity": ["10"]}', b'{"quantity": {"of": "10"}}']
)
def test_a_json_value_of_another_type_is_a_difference(body: bytes) -> None:
    theirs, ours = (Recording([item], NOTHING_HIDDEN) for item in (JSON, replace(JSON, body=body)))
    assert any(item.field.startswith("json quantity") for item in differences(theirs, ours))


def test_another_method_path_or_call_is_a_difference() -> None:
    theirs = Recording([REQUEST], NOTHING_HIDDEN)
    for changed in (replace(REQUEST, method="PUT"), replace(REQUEST, path="/orders/amo")):
        assert len(differences(theirs, Recording([changed], NOTHING_HIDDEN))) == 2
        assert len(differences(theirs, Recording([REQUEST, changed], NOTHING_HIDDEN))) == 1
    assert (
        differences(theirs, Recording([replace(REQUEST, headers={**REQUEST.headers, "host": "127.0.0.1:2"})], NOTHING_HIDDEN))
        == set()
    )


def test_a_row_covers_one_difference_and_no_neighbour() -> None:
    row = Allowed("PUT /orders/*", "form price", "1", "2", "")
    met = Difference("PUT /orders/amo", "form price", "1", "2")
    assert row.covers(met)
    for near in (
        structs.replace(met, call="POST /orders/amo"),
        structs.replace(met, field="form tag"),
        structs.replace(met, theirs="3"),
        structs.replace(met, ours="3"),
    ):
        assert not row.covers(near)
    assert unlisted("kite", {met}) == [met]
    assert set(unused("kite", {met})) == set(ALLOWED["kite"])
