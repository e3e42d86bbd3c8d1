"""Rows of the ledger in a result: their schema follows from the columns of the table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import Boolean, CheckConstraint, Date, Float, Integer

from tradectl.cli.contract.values import Day, Moment, Rupees
from tradectl.ledger import types as stored

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

_ONE_OF = re.compile(r"(\w+) IN \((.+)\)")


def properties(table: Table) -> dict[str, dict[str, Any]]:
    """Return the schema of each column of a table, without the user."""
    allowed = _allowed_values(table)
    return {column.name: _column(column, allowed.get(column.name)) for column in table.columns if column.name != "user"}


def _allowed_values(table: Table) -> dict[str, list[str]]:
    """Return the values that a CHECK of the database allows, by column."""
    texts = [str(item.sqltext) for item in table.constraints if isinstance(item, CheckConstraint)]
    found = [match for text in texts if (match := _ONE_OF.fullmatch(text))]
    return {match[1]: re.findall(r"'([^']*)'", match[2]) for match in found}


def _column(column: Column[Any], allowed: list[str] | None) -> dict[str, Any]:
    found = {"enum": allowed} if allowed else _of_type(column.type)
    return {"anyOf": [found, {"type": "null"}]} if column.nullable and found else found


def _of_type(kind: object) -> dict[str, Any]:
    if isinstance(kind, stored.JsonText):
        return {}
    for python, text in ((stored.Paise, Rupees), (stored.Moment, Moment), (Date, Day)):
        if isinstance(kind, python):
            return {"type": "string", **get_args(text)[1]}
    if isinstance(kind, Boolean):
        return {"type": "boolean"}
    if isinstance(kind, Integer):
        return {"type": "integer"}
    return {"type": "number"} if isinstance(kind, Float) else {"type": "string"}
