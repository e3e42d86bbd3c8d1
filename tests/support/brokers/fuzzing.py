"""Broken answers of brokers, made from right ones: values, fields, rows and bytes that are wrong, by a seed."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from decimal import Decimal, InvalidOperation
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    -5,
    1,
    0.5,
    2.5,
    10**9,
    2**31,
    2**31 - 1,
    2**63,
    10**17,
    -(10**25),
    1e17,
    1e-12,
    102.345,
    "",
    " ",
    "0",
    "-5",
    "0.5",
    "1e400",
    "NaN",
    "Infinity",
    "-inf",
    "null",
    "None",
    "x" * 3000,
    "९",
    "\ud800",
    "\x00",
    "\x1b[31m",
    "1,234.50",
    "12:61",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59",
    "2031-07-17 09:15:00",
    "1969-12-31",
    "soon",
    "24:00:00",
    [],
    [1],
    {},
    {"a": {"b": [None]}},
    [[[]]],
    float("nan"),
    float("inf"),
    "=cmd()",
    "A" * 64,
    "../../etc",
    "CNC",
    "NSE",
    "MIS",
    "SELL",
    "BUY",
    "B",
    "S",
)
RAW = (
    b"NaN",
    b"Infinity",
    b"1e400",
    b"-1e400",
    b"9" * 400,
    b"[" * 60 + b"]" * 60,
    b'"\xff\xfe"',
    b"1e17",
    b"0.1e-40",
    b"-0",
    b"{}",
)
"""What stands for a value in the bytes."""
_FIELD = re.compile(rb'("\w+"): (-?[0-9.]+|"[^"\\]*"|null|true|false)')
"""A field with a plain value."""


def broken(random: Random, document: Any) -> bytes:
    """Return the bytes of a JSON document with one to three things wrong."""
    found = deepcopy(document)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        found = changed(random, found)
    content = json.dumps(found).encode()
    chance = random.random()
    if chance < 0.15:
        content = _with_raw_value(random, content)
    elif chance < 0.25:
        content = broken_bytes(random, content)
    elif chance < 0.32:
        content = _with_a_name_twice(random, content)
    return content


def broken_bytes(random: Random, content: bytes) -> bytes:
    """Return bytes that are cut, doubled, turned or filled in at random places."""
    made = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(made) + 1)
        match random.randrange(4):
            case 0:
                del made[at:]
            case 1:
                made[at:at] = random.randbytes(random.randint(1, 8))
            case 2:
                made[at : at + 1] = bytes([random.randrange(256)])
            case 3:
                made[at:at] = made[at : at + random.randint(1, 40)]
    return bytes(made)


def _with_raw_value(random: Random, content: bytes) -> bytes:
    """Put something that no JSON library writes in the place of a number."""
    places = [at for at in range(1, len(content)) if content[at : at + 1].isdigit() and content[at - 1 : at] in b" ["]
    if not places:
        return content
    start = end = random.choice(places)
    while end < len(content) and content[end : end + 1] in b"0123456789.eE+-":
        end += 1
    return content[:start] + random.choice(RAW) + content[end:]


def _with_a_name_twice(random: Random, content: bytes) -> bytes:
    """Give a field of the document a second value, behind its own."""
    fields = list(_FIELD.finditer(content))
    if not fields:
        return content
    field = random.choice(fields)
    again = b", " + field[1] + b": " + random.choice((*RAW, b"5", b'"5"', b"null", b"[]", field[2]))
    return content[: field.end()] + again + content[field.end() :]


def changed(random: Random, document: Any) -> Any:
    """Return a document with one thing wrong; the document itself is changed."""
    places = list(_places(document))
    if not places:
        return deepcopy(random.choice(ODD))
    parent, key = random.choice(places)
    match random.randrange(8):
        case 0 if isinstance(parent, dict):
            del parent[key]
        case 1 if isinstance(parent, list):
            parent.insert(key, deepcopy(random.choice((*ODD, parent[key]))))
        case 2 if isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
            parent[key] = random.choice(
                (-parent[key], parent[key] * 10 ** random.randint(1, 20), str(parent[key]), [parent[key]])
            )
        case 3 if isinstance(parent[key], str):
            parent[key] = random.choice(
                (parent[key] * 2, parent[key][:-1], parent[key].lower(), [parent[key]], parent[key] + "\u0663")
            )
        case _:
            parent[key] = deepcopy(random.choice(ODD))
    return document


def _places(document: Any) -> Any:
    rest = [document]
    while rest:
        item = rest.pop()
        pairs = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for key, value in pairs:
            yield item, key
            rest.append(value)


def exactly(value: object) -> Decimal | None:
    """Return what a number or its text says, by another reader than the program's; None for what is neither."""
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        return None
