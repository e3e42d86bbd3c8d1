"""Write the replies of a broker as JSON values, and read them again.

A list is written as its rows by key. A row is written as the fields that changed since the run's last reply of this kind, so a
reply that did not change costs some bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from tradectl import errors
from tradectl.errors import OrderRefused, RateLimited, TradectlError
from tradectl.model.market import Quote
from tradectl.model.odd_rows import OddRow, Quotes, Rows, odd_of
from tradectl.model.order import Funds, Holding, OrderReport, OrderRequest, TradeReport
from tradectl.ports import Capabilities, OrderRules
from tradectl.redaction import scrubbed

Plain = dict[str, Any]


def plain(thing: Any) -> Plain:
    """Return a row as JSON values. Fields that have their defaults, or None, are left out."""
    found: Plain = {}
    for name, default in _defaults(type(thing)):
        value = getattr(thing, name)
        if value is not None and value != default:
            found[name] = _to_json(value)
    return found


def restored(kind: type[Any], values: Plain) -> Any:
    """Return the object of `plain`. Raises TypeError or ValueError for other values."""
    given = {name: read(values[name]) for name, read in _readers(kind) if name in values}
    for name, default in _defaults(kind):
        if name not in given and default is NODEFAULT:
            given[name] = None
    return kind(**given)


_known_defaults: dict[type[Any], tuple[tuple[str, Any], ...]] = {}
_known_readers: dict[type[Any], tuple[tuple[str, Callable[[Any], Any]], ...]] = {}


def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """Return the names and the defaults of the fields, computed once for each class."""
    if kind not in _known_defaults:
        _known_defaults[kind] = tuple(
            (item.name, item.default if item.default_factory is NODEFAULT else item.default_factory()) for item in fields(kind)
        )
    return _known_defaults[kind]


def _readers(kind: type[Any]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return the names of the fields with the functions that read them, computed once for each class."""
    if kind not in _known_readers:
        _known_readers[kind] = tuple((item.name, _reader(item.type)) for item in fields(kind))
    return _known_readers[kind]


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return the function that reads a value of a type from JSON."""
    if get_origin(hint) in {Union, UnionType}:
        hint = next(item for item in get_args(hint) if item is not type(None))
    if hint is datetime:
        return datetime.fromisoformat
    if hint is date:
        return date.fromisoformat
    if hint is timedelta:
        return lambda seconds: timedelta(seconds=seconds)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    return lambda value: value


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, StrEnum) else value


def error_as_json(error: TradectlError) -> list[Any]:
    """Return an error as JSON values, without secrets."""
    more: Plain = {}
    if isinstance(error, OrderRefused):
        more = {"code": error.code, "passing": error.passing}
    if isinstance(error, RateLimited):
        more = {"wait": error.wait}
    kind = type(error).__name__ if type(error) is getattr(errors, type(error).__name__, None) else _known_base(error)
    return [kind, scrubbed(str(error)), more] if more else [kind, scrubbed(str(error))]


def _known_base(error: TradectlError) -> str:
    """Return the nearest class of `tradectl.errors`, by which the tasks decide."""
    names: list[str] = [base.__name__ for base in type(error).__mro__ if base is getattr(errors, base.__name__, None)]
    return names[0]


def error_from_json(values: Sequence[Any]) -> TradectlError:
    """Return the error of `error_as_json`. Raises ValueError for another value."""
    kind = getattr(errors, str(values[0]), None)
    if not (isinstance(kind, type) and issubclass(kind, TradectlError)):
        raise ValueError(f"{values[0]} is not an error of tradectl")
    more = values[2] if len(values) > 2 else {}
    found: TradectlError = kind(values[1], **more)
    return found


class _Table(Struct, frozen=True):
    """How the rows of a list are written: their class, and the fields by which a row is found again."""

    row: type[Any]
    key: tuple[str, ...]
    as_mapping: bool = False


TABLES = {
    "orders": _Table(OrderReport, ("broker_order_id",)),
    "trades": _Table(TradeReport, ("broker_order_id", "trade_id")),
    "holdings": _Table(Holding, ("symbol",)),
    "quotes": _Table(Quote, ("symbol",), as_mapping=True),
}
"""The lists of a broker."""
_OBJECTS: dict[str, type[Any]] = {"funds": Funds, "order_rules": OrderRules}
"""The replies that are one object."""


class ReplyWriter:
    """Write the replies of one run, each as its difference from the last one of its kind."""

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}
        self._rows: dict[str, dict[str, Plain]] = {}
        self._keys: dict[str, list[str]] = {}
        self._odd: dict[str, Any] = {}

    def change(self, kind: str, arguments: Plain, value: Any) -> Any:
        """Return the difference as a JSON value; None if the reply is the same as before."""
        name, last = _name(kind, arguments), self._last.get(_name(kind, arguments), NODEFAULT)
        if kind in TABLES:
            if last is value and isinstance(value, tuple):
                return None
            found = self._change_of_list(kind, value)
        elif last is not NODEFAULT and last == value:
            return None
        else:
            found = {"v": plain(value) if kind in _OBJECTS and value is not None else value}
        self._last[name] = value
        return found

    def _change_of_list(self, kind: str, value: Any) -> Plain | None:
        table, known = TABLES[kind], self._rows.setdefault(kind, {})
        changed: dict[str, Plain] = {}
        keys = []
        for key, row in _keyed(table, value):
            keys.append(key)
            before = known.get(key)
            if before == row:
                continue
            changed[key] = row if before is None else _difference(before, row)
            known[key] = row
        odd = [plain(row) for row in odd_of(value)]
        found: Plain = {"r": changed} if changed else {}
        if keys != self._keys.get(kind):
            found["k"] = keys
        if odd != self._odd.get(kind, []):
            found["o"] = odd
        self._keys[kind], self._odd[kind] = keys, odd
        return found or None


def _name(kind: str, arguments: Plain) -> str:
    """Return the name under which the last reply is kept: a list of instruments has a reply for each symbol."""
    return f"{kind} {arguments['symbol']}" if "symbol" in arguments else kind


def _keyed(table: _Table, rows: Any) -> list[tuple[str, Plain]]:
    """Return the rows with their keys. Rows with the same key are numbered."""
    if table.as_mapping:
        return [(key, plain(row)) for key, row in rows.items()]
    found: list[tuple[str, Plain]] = []
    seen: set[str] = set()
    for row in rows:
        key = first = " ".join(str(getattr(row, name)) for name in table.key)
        number = 1
        while key in seen:
            number += 1
            key = f"{first} #{number}"
        seen.add(key)
        found.append((key, plain(row)))
    return found


def _difference(before: Plain, after: Plain) -> Plain:
    gone = dict.fromkeys(before.keys() - after.keys())
    return {name: value for name, value in after.items() if before.get(name, NODEFAULT) != value} | gone


class ReplyReader:
    """Read the replies of one run in the order in which they were written."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._rows: dict[str, dict[str, Plain]] = {}
        self._made: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, list[str]] = {}
        self._odd: dict[str, list[OddRow]] = {}

    def reply(self, kind: str, arguments: Plain, change: Any) -> Any:
        """Return the reply that a difference makes of the last one. Raises KeyError, TypeError or ValueError if none fits."""
        name = _name(kind, arguments)
        if change is None:
            return self._values[name]
        if kind in TABLES:
            found = self._list(kind, change)
        else:
            value = change["v"]
            found = restored(_OBJECTS[kind], value) if kind in _OBJECTS and value is not None else value
        self._values[name] = found
        return found

    def _list(self, kind: str, change: Mapping[str, Any]) -> Any:
        table, rows, made = TABLES[kind], self._rows.setdefault(kind, {}), self._made.setdefault(kind, {})
        for key, row in change.get("r", {}).items():
            merged = rows.get(key, {}) | row
            rows[key] = {name: value for name, value in merged.items() if value is not None}
            made[key] = restored(table.row, rows[key])
        if "o" in change:
            self._odd[kind] = [restored(OddRow, row) for row in change["o"]]
        keys = self._keys[kind] = change["k"] if "k" in change else self._keys[kind]
        odd = self._odd.get(kind, [])
        if table.as_mapping:
            return Quotes({key: made[key] for key in keys}, odd)
        return Rows((made[key] for key in keys), odd)


def request_as_json(request: OrderRequest) -> Plain:
    """Return an order request as JSON values."""
    return plain(request)


def request_from_json(values: Plain) -> OrderRequest:
    """Return the order request of `request_as_json`."""
    found: OrderRequest = restored(OrderRequest, values)
    return found


def capabilities_as_json(capabilities: Capabilities) -> Plain:
    """Return a broker's declaration as JSON values."""
    return plain(capabilities)


def capabilities_from_json(values: Plain) -> Capabilities:
    """Return the declaration of `capabilities_as_json`."""
    found: Capabilities = restored(Capabilities, values)
    return found
