"""Write and read the messages of Kotak's order feed and price feed.

An unreadable message is skipped. The order book and quotes are read in any case, so no information is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tradectl.brokers.adapter import LoginSession
from tradectl.brokers.http import strict_json
from tradectl.brokers.http.value_ranges import brief
from tradectl.brokers.kotak_neo import rows
from tradectl.brokers.kotak_neo.addresses import REALTIME
from tradectl.brokers.kotak_neo.packets import KotakTick, split, tick
from tradectl.brokers.kotak_neo.paths import SEGMENT, SOURCE
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.model.order import OrderReport

PAIRS = (("ucc", "sid"), ("sid", "token"))
"""The credentials (`user`, `auth`) for the price feed, in the order in which they are tried.

kotakneoapi 3.0.9 sends the client code and the session id. Older documents name the session id and the token.
"""
__all__ = ["REALTIME"]
_GREETINGS = frozenset({1117, 1119})


class FeedCredentials:
    """Select which pair of `PAIRS` the price feed gets.

    After a refusal the other pair is tried; an accepted pair stays. If both are refused, the feed needs a new session.
    """

    def __init__(self) -> None:
        self._session: LoginSession | None = None
        self._left = list(PAIRS)
        self._taken: tuple[str, str] | None = None

    def of(self, session: LoginSession, ucc: str) -> tuple[str, str]:
        """Return the next `user` and `auth` to send. Raises LoginNeeded if every pair was refused."""
        if self._session is None or self._session.tokens != session.tokens:
            self._session, self._left = session, [self._taken] if self._taken else list(PAIRS)
        if not self._left:
            raise LoginNeeded("Kotak's price feed does not accept the session: run `tradectl login --again`")
        user, auth = ({"ucc": ucc, **session.tokens}[name] for name in self._left[0])
        return user, auth

    def note_accepted(self) -> None:
        """Keep the pair that was sent last, because the feed accepted it."""
        self._taken = self._left[0]
        self._left = [self._taken]

    def note_refused(self) -> None:
        """Drop the pair that was sent last, because the feed refused it."""
        self._left.pop(0)

    def note_silence(self) -> None:
        """Put the pair that was sent last at the end: a missing reply may be a refusal, but does not prove one."""
        self._left.append(self._left.pop(0))


def price_login(user: str, auth: str, now: datetime) -> str:
    """Return the first frame of the price feed."""
    return json.dumps({
        "user": user, "auth": auth, "format": "native_batch", "source": SOURCE, "platform": "Web", "version": "1.2.3",
        "sdk_version": 2, "sdk_date": "2026-08-07T09:41:17.667Z", "conn_req_time": int(now.timestamp() * 1000),
        "sessionValidation": False,
    })  # fmt: skip


def dividers(frame: str) -> Mapping[int, int]:
    """Return the divider of prices for each exchange, from the reply to the first frame.

    Error messages do not quote the reply, because it may contain the token.

    Raises:
        LoginNeeded: The feed refuses the session.
        BrokerUnavailable: The reply cannot be read.
    """
    try:
        content = strict_json.read(frame)
        if content.get("message_code") not in _GREETINGS or content.get("format") == "native_fallback":
            raise LoginNeeded(f"Kotak's price feed refuses the session (reply {brief(content.get('message_code'))})")
        exchanges = (content.get("exchanges") or {}).values()
        found = {int(facts["value"]): int(facts["divider"]) for facts in exchanges if {"value", "divider"} <= facts.keys()}
        if min(found.values(), default=1) < 1:
            raise ValueError("a divider is less than 1")
        return found
    except strict_json.UNREADABLE as error:
        raise BrokerUnavailable("the reply of Kotak's price feed cannot be read") from error


def subscription(tokens: Sequence[str]) -> str:
    """Return the frame that subscribes to instruments by their tokens."""
    listed = ",".join(f"{SEGMENT}|{token}" for token in tokens)
    return json.dumps({"event": "subscribeScrips", "inputtoken": listed, "ack_symbol": True})


def ticks(frame: bytes, divided_by: Mapping[int, int]) -> Iterator[KotakTick]:
    """Return the prices of the readable packets of a frame, up to a packet whose end cannot be found."""
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


def order_login(session: LoginSession) -> str:
    """Return the first frame of the order feed. Kotak's format is not JSON."""
    return f"{{type:cn,Authorization:{session.tokens['token']},Sid:{session.tokens['sid']},src:WEB}}"


def order_of(frame: str | bytes) -> OrderReport | None:
    """Return the order in a frame of the order feed; None for other frames, other segments and unreadable rows."""
    try:
        content = strict_json.read(frame)
        row = content["data"] if content["type"] == "order" else None
        return next(iter(rows.orders([row])), None) if row is not None else None
    except strict_json.UNREADABLE:
        return None
