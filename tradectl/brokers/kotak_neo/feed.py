"""What is said on Kotak's two feeds: what becomes of orders, and prices.

A feed is a hint, and the book is the truth: what is missed here is found there, so what cannot be read is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tradectl.brokers.adapter import Session
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.value_ranges import brief
from tradectl.brokers.kotak_neo import rows
from tradectl.brokers.kotak_neo.addresses import REALTIME
from tradectl.brokers.kotak_neo.packets import Tick, split, tick
from tradectl.brokers.kotak_neo.paths import SEGMENT, SOURCE
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.model.order import OrderReport

PAIRS = (("ucc", "sid"), ("sid", "token"))
"""Who we are to the price feed (`user`, `auth`): the client code with the session id in kotakneoapi 3.0.9. Older documents name
the session id with the token, which is tried after a refusal."""
__all__ = ["REALTIME"]
_GREETINGS = frozenset({1117, 1119})


class Introduction:
    """Which pair the price feed wants. The first is tried, after a refusal the other; one that was taken stays. A session of
    which no pair is taken is over for the feed, until there is another."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._left = list(PAIRS)
        self._taken: tuple[str, str] | None = None

    def of(self, session: Session, ucc: str) -> tuple[str, str]:
        """`user` and `auth` to say next. LoginNeeded where nothing is left to try."""
        if self._session is None or self._session.tokens != session.tokens:
            self._session, self._left = session, [self._taken] if self._taken else list(PAIRS)
        if not self._left:
            raise LoginNeeded("Kotak's price feed does not know the session: `tradectl login --again`")
        user, auth = ({"ucc": ucc, **session.tokens}[name] for name in self._left[0])
        return user, auth

    def was_taken(self) -> None:
        self._taken = self._left[0]
        self._left = [self._taken]

    def was_refused(self) -> None:
        self._left.pop(0)

    def was_not_answered(self) -> None:
        """Which proves nothing, and may be a way to refuse: another pair has its turn."""
        self._left.append(self._left.pop(0))


def hello(user: str, auth: str, now: datetime) -> str:
    """The first frame of the price feed."""
    return json.dumps({
        "user": user, "auth": auth, "format": "native_batch", "source": SOURCE, "platform": "Web", "version": "1.2.3",
        "sdk_version": 2, "sdk_date": "2026-08-07T09:41:17.667Z", "conn_req_time": int(now.timestamp() * 1000),
        "sessionValidation": False,
    })  # fmt: skip


def dividers(frame: str) -> Mapping[int, int]:
    """What prices of each exchange are divided by, as the answer to the first frame tells. LoginNeeded where it is a refusal,
    BrokerUnavailable where it cannot be read. Its words are not repeated: our token may be among them."""
    try:
        said = strict_json.read(frame)
        if said.get("message_code") not in _GREETINGS or said.get("format") == "native_fallback":
            raise LoginNeeded(f"Kotak's price feed does not let us in (it says {brief(said.get('message_code'))})")
        exchanges = (said.get("exchanges") or {}).values()
        found = {int(facts["value"]): int(facts["divider"]) for facts in exchanges if {"value", "divider"} <= facts.keys()}
        if min(found.values(), default=1) < 1:
            raise ValueError("nothing is divided by less than 1")
        return found
    except strict_json.UNREADABLE as error:
        raise BrokerUnavailable("the answer of Kotak's price feed cannot be read") from error


def wish(tokens: Sequence[str]) -> str:
    """The frame that subscribes instruments, by their tokens."""
    listed = ",".join(f"{SEGMENT}|{token}" for token in tokens)
    return json.dumps({"event": "subscribeScrips", "inputtoken": listed, "ack_symbol": True})


def ticks(frame: bytes, divided_by: Mapping[int, int]) -> Iterator[Tick]:
    """The readable packets of a frame, up to one whose end cannot be found."""
    packets = split(frame)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, ValueError):
            return
        try:
            found = tick(packet, divided_by)
        except ValueError:
            continue
        if found is not None:
            yield found


def order_hello(session: Session) -> str:
    """The first frame of the order feed, which is no JSON."""
    return f"{{type:cn,Authorization:{session.tokens['token']},Sid:{session.tokens['sid']},src:WEB}}"


def order_of(frame: str | bytes) -> OrderReport | None:
    """The order in a frame of the order feed; None for other frames, other segments, and what cannot be read."""
    try:
        said = strict_json.read(frame)
        row = said["data"] if said["type"] == "order" else None
        return next(iter(rows.orders([row])), None) if row is not None else None
    except strict_json.UNREADABLE:
        return None
