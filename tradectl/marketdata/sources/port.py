"""What a source is: it names the parts in which it can fetch some sessions, and fetches one part at a time.

NSE's part is a session with every symbol; Yahoo's, and a broker's with its candles, is a symbol with every session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tradectl.exchange.sessions import Session


@dataclass(frozen=True, slots=True)
class Part:
    """What one fetch brings; `name` is what people call it: a date or a symbol."""

    name: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file that an importer knows. `lacking`: the sessions of the part that are not in it."""

    file: str
    content: bytes
    lacking: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """There is nothing to import, and why. `pending`: it was not to be expected yet."""

    reason: str
    pending: bool = False


class Source(Protocol):
    """`together`: how many deliveries are imported in one transaction."""

    @property
    def name(self) -> str: ...
    @property
    def together(self) -> int: ...
    def parts(self, sessions: Sequence[Session]) -> Sequence[Part]:
        """Return the parts to fetch for these sessions, in order. A source may leave out parts that it has."""
        ...

    def fetch(self, part: Part) -> Delivery | Absent:
        """Return one part. Raises SourceUnavailable (try again later), DataError (the reply is invalid)."""
        ...
