"""Two recordings of the same actions, an official client's and our adapter's, compared field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

from tests.lab.witnesses.recorder import Exchange

NOT_SENT = "(not sent)"
SENT = "(sent)"
TRANSPORT = frozenset({
    "accept-encoding", "connection", "content-length", "host", "upgrade", "sec-websocket-extensions", "sec-websocket-key",
    "sec-websocket-version",
})  # fmt: skip
"""Headers that say how bytes travel and nothing about the request."""
_NUMBER = re.compile(r"(?<=/)(?:\d{5,}|[a-z]+-\d{8}-\d{4})(?=/|$)")
SAME_NUMBER = "(the same number, spelt otherwise)"
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_DAY = re.compile(r"(?<=/)\d{4}-\d\d-\d\d(?=/)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MILLISECONDS = re.compile(r"\d{13}")

Fields = Mapping[str, str]


class Difference(Struct, frozen=True, order=True):
    """A field of a call with the value of each client. `call`: method and path; `field`: where it stands, and its name."""

    call: str
    field: str
    theirs: str
    ours: str


class Secrets(Struct, frozen=True):
    """What stands in place of values that are secret, or differ from run to run, by the values."""

    labels: Mapping[str, str]

    def hide(self, text: str) -> str:
        for value, label in sorted(self.labels.items(), key=lambda item: -len(item[0])):
            text = text.replace(value, f"<{label}>") if value else text
        return text


def call_of(exchange: Exchange, secrets: Secrets) -> str:
    """Return method and decoded path, with `{number}` for an order's or instrument's number and `{day}` for a date."""
    return f"{exchange.method} {_DAY.sub('{day}', _NUMBER.sub('{number}', unquote(exchange.path)))}"


def fields_of(exchange: Exchange, secrets: Secrets) -> dict[str, str]:
    """Return everything that was sent but the transport's headers, one text a field; JSON values keep their type."""
    found = [("path as sent", exchange.path)] if "%" in exchange.path else []
    found += [(f"query {name}", value) for name, value in exchange.query]
    found += [(f"header {name}", value) for name, value in exchange.headers.items() if name not in TRANSPORT]
    found += list(_body(exchange))
    for number, frame in enumerate(exchange.sent, 1):
        found += list(_frame(f"frame {number}", frame))
    fields: dict[str, str] = {}
    for name, value in found:
        shown = _UUID.sub("(uuid)", secrets.hide(value))
        if _MILLISECONDS.fullmatch(shown):
            shown = "(milliseconds)"
        fields[name] = f"{fields[name]}, {shown}" if name in fields else shown
    if "header user-agent" in fields:
        fields["header user-agent"] = _VERSION.sub("(version)", fields["header user-agent"])
    return fields


def _body(exchange: Exchange) -> Iterator[tuple[str, str]]:
    kind = exchange.headers.get("content-type", "")
    if not exchange.body:
        return
    if "json" in kind:
        yield from _flat("json", json.loads(exchange.body))
        return
    for name, value in parse_qsl(exchange.body.decode(), keep_blank_values=True):
        if name == "jData":
            yield from _flat("form jData", json.loads(value))
        else:
            yield f"form {name}", value


def _frame(name: str, frame: str | bytes) -> Iterator[tuple[str, str]]:
    try:
        yield from _flat(name, json.loads(frame))
    except ValueError:
        yield name, frame if isinstance(frame, str) else frame.hex()


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """One field for each leaf of a JSON value; a list that has only plain values is one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name} {key}", item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _flat(f"{name}[{number}]", item)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


class Recording:
    """What one client sent, by action and call. Requests that are repeated word for word count once."""

    def __init__(self, exchanges: Iterable[Exchange], secrets: Secrets) -> None:
        self._fields: dict[tuple[str, str], list[Fields]] = {}
        for item in exchanges:
            kept = self._fields.setdefault((item.action, call_of(item, secrets)), [])
            fields = fields_of(item, secrets)
            if fields not in kept:
                kept.append(fields)

    def calls(self) -> set[str]:
        return {call for _, call in self._fields}

    def of(self, call: str) -> dict[str, list[Fields]]:
        """Return the requests of a call by the action in which they were sent."""
        return {action: kept for (action, other), kept in self._fields.items() if other == call}


def differences(theirs: Recording, ours: Recording) -> set[Difference]:
    """Return every field in which the clients differ.

    A call that both send is compared within the same action where both have it, else with the other client's first. A call
    that one of them never sends is one difference of its own.
    """
    found = {Difference(call, "call", SENT, NOT_SENT) for call in theirs.calls() - ours.calls()}
    found |= {Difference(call, "call", NOT_SENT, SENT) for call in ours.calls() - theirs.calls()}
    for call in theirs.calls() & ours.calls():
        other = theirs.of(call)
        first = next(iter(other.values()))
        for action, mine in ours.of(call).items():
            for number, fields in enumerate(mine):
                against = other.get(action, first)
                found |= _compared(call, against[min(number, len(against) - 1)], fields)
    return found


def _compared(call: str, theirs: Fields, ours: Fields) -> set[Difference]:
    names = [*theirs, *(name for name in ours if name not in theirs)]
    pairs = ((name, theirs.get(name, NOT_SENT), ours.get(name, NOT_SENT)) for name in names)
    return {
        Difference(call, name, "(a number)", SAME_NUMBER) if _is_same_number(one, other) else Difference(call, name, one, other)
        for name, one, other in pairs
        if one != other
    }


def _is_same_number(one: str, other: str) -> bool:
    """Return whether two texts are one number: 100.5 and 100.50. A JSON number and a JSON string are never the same."""
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return one.startswith('"') and other.startswith('"') and len(one) > 2 and _is_same_number(one[1:-1], other[1:-1])
