"""Define the protocol of a source: it divides sessions into parts and fetches one part at a time.

A part of NSE is one session with all symbols. A part of Yahoo or of a broker is one symbol with all sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from msgspec import Struct

from tradectl.exchange.sessions import Session


class Part(Struct, frozen=True):
    """Represent the content of one request. `name`: a date or a symbol, for messages."""

    name: str
    sessions: tuple[Session, ...]


class Delivery(Struct, frozen=True):
    """Hold a fetched file for an importer. `lacking`: the sessions of the part that are missing from the file."""

    file: str
    content: bytes
    lacking: tuple[date, ...] = ()


class Absent(Struct, frozen=True):
    """Report that a part has nothing to import. `pending`: the file is not expected yet."""

    reason: str
    pending: bool = False


class Source(Protocol):
    """Fetch market data. `together`: number of deliveries that are imported in one transaction."""

    @property
    def name(self) -> str: ...
    @property
    def together(self) -> int: ...
    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        """Return the parts to fetch for these sessions, in order. A source may omit parts that are stored already."""
        ...

    def fetch(self, part: Part) -> Delivery | Absent:
        """Fetch one part. Raises SourceUnavailable (a later try may help) or DataError (the reply is invalid)."""
        ...
