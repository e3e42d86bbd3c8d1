"""Define column types: integer paise, UTC moments, JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, String, Text, types


class Paise(types.TypeDecorator[int]):
    """Money as integer paise. Raises TypeError for anything but an int."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        if type(value) is not int:
            raise TypeError(f"money is integer paise, not {value!r}")
        return value


class Moment(types.TypeDecorator[datetime]):
    """A moment in UTC: a timestamp on PostgreSQL, sortable ISO text on SQLite. Raises TypeError without a time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"a moment needs a time zone: {value!r}")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return utc.isoformat(timespec="microseconds") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(UTC)


_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class JsonText(types.TypeDecorator[Any]):
    """A JSON value stored as text with sorted keys, so that equal values have equal text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 - SQLAlchemy's signature
        return _encoded(value if value is not None else {})

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        return json.loads(value) if value else {}
