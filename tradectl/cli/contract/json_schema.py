"""Translate Python types to JSON Schema (draft 2020-12)."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from sqlalchemy import Table

from tradectl.cli.contract.tables import properties

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema_of(kind: Any) -> Schema:
    """Return the schema of a type, with each TypedDict as a definition of its own under `$defs`.

    Understood are `str`, `int`, `float`, `bool`, `None`, `Any`, `Literal`, `StrEnum`, unions, `list`, `dict[str, T]`, TypedDict,
    and `Annotated` with a part of a schema, or with a table of the ledger whose columns are added to a TypedDict. Raises
    TypeError for any other type.
    """
    definitions: dict[str, Schema] = {}
    found = _translated(kind, definitions)
    return found | {"$defs": {name: definitions[name] for name in sorted(definitions)}} if definitions else found


def _translated(kind: Any, definitions: dict[str, Schema]) -> Schema:
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"enum": [str(member) for member in kind]}
    if is_typeddict(kind):
        return _object(kind, definitions)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated and isinstance(parts[1], Table):
        return _object(parts[0], definitions, parts[1])
    if origin is Annotated:
        return {**_translated(parts[0], definitions), **parts[1]}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": _translated(parts[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _translated(parts[1], definitions)}
    if origin in {types.UnionType, Union}:
        return {"anyOf": [_translated(part, definitions) for part in parts]}
    raise TypeError(f"{kind!r} has no JSON Schema")


def _object(kind: Any, definitions: dict[str, Schema], table: Table | None = None) -> Schema:
    """Return a reference to the definition of a TypedDict."""
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # a type may contain itself
        hints = get_type_hints(kind, include_extras=True)
        columns = {} if table is None else properties(table)
        definitions[name] = {
            "type": "object",
            "description": " ".join((kind.__doc__ or "").split()),
            "properties": columns | {key: _translated(_bare(hint), definitions) for key, hint in hints.items()},
            "required": [*columns, *(key for key, hint in hints.items() if get_origin(hint) is not NotRequired)],
        }
    return {"$ref": f"#/$defs/{name}"}


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def closed(schema: Any) -> Any:
    """Return a schema in which no object has a key without a description, for tests: a new key must be declared."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(item) for key, item in schema.items()}
    return found | {"additionalProperties": False} if isinstance(found.get("properties"), dict) and "type" in found else found
