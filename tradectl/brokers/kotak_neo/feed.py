"""Kotak's two feeds: what becomes of orders, and prices. Each is read until it ends; whoever wants more opens it again.

A feed is a hint, and the book is the truth: what is missed here is found there, so what cannot be read is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tradectl.brokers.adapter import Account
from tradectl.brokers.kotak_neo import ADDRESSES, rows
from tradectl.brokers.kotak_neo.login import current
from tradectl.brokers.kotak_neo.packets import Tick, split, tick
from tradectl.brokers.kotak_neo.paths import SEGMENT, SOURCE
from tradectl.errors import BrokerUnavailable, LoginNeeded
from tradectl.model.order import OrderReport

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

REALTIME = "/realtime"
MOST = 3000
"""Instruments that may be subscribed at once."""
_GREETINGS = frozenset({1117, 1119})
_SECONDS = 10.0


def order_reports(account: Account) -> Iterator[OrderReport]:
    """Orders as they change; first, after each opening, as they are. Blocks between them; ends where the feed ends.

    LoginNeeded without a session, BrokerUnavailable where the feed cannot be had.
    """
    session = current(account)
    url = session.tokens["base_url"].replace("http", "ws", 1) + REALTIME
    hello = f"{{type:cn,Authorization:{session.tokens['token']},Sid:{session.tokens['sid']},src:WEB}}"
    with _connected(url) as connection:
        connection.send(hello)
        for frame in connection:
            report = order_of(frame)
            if report is not None:
                yield report


def order_of(frame: str | bytes) -> OrderReport | None:
    """The order in a frame of the order feed; None for other frames, other segments, and what cannot be read."""
    try:
        said = json.loads(frame)
        row = said["data"] if said["type"] == "order" else None
        found = rows.ours([row]) if row is not None else []
        return rows.order_report(found[0]) if found else None
    except (ValueError, KeyError, TypeError):
        return None


def ticks(account: Account, tokens: Sequence[str]) -> Iterator[Tick]:
    """Prices of instruments, by their tokens, as they change. Blocks between them; ends where the feed ends.

    LoginNeeded without a session or where the feed does not know us, BrokerUnavailable where it cannot be had.
    """
    if len(tokens) > MOST:
        raise BrokerUnavailable(f"Kotak's price feed takes {MOST} instruments, not {len(tokens)}")
    session = current(account)
    with _connected(account.addresses.get("prices", ADDRESSES["prices"])) as connection:
        # Kotak's documents disagree whether it is the client code with the session id, or that with the token.
        connection.send(json.dumps(hello(account.vault.require("ucc"), session.tokens["sid"], account.clock.now().timestamp())))
        dividers = _greeted(connection)
        listed = ",".join(f"{SEGMENT}|{token}" for token in tokens)
        connection.send(json.dumps({"event": "subscribeScrips", "inputtoken": listed, "ack_symbol": True}))
        for frame in connection:
            if isinstance(frame, bytes):
                yield from _ticks_of(frame, dividers)


def hello(user: str, auth: str, at: float) -> dict[str, object]:
    """The first frame of the price feed. `at`: seconds since 1970."""
    return {
        "user": user, "auth": auth, "format": "native_batch", "source": SOURCE, "platform": "Web", "version": "1.2.3",
        "sdk_version": 2, "sdk_date": "2026-08-07T09:41:17.667Z", "conn_req_time": int(at * 1000), "sessionValidation": False,
    }  # fmt: skip


def _greeted(connection: ClientConnection) -> dict[int, int]:
    """What prices of each exchange are divided by. LoginNeeded where the feed answers otherwise."""
    said = _first_text(connection)
    if said.get("message_code") not in _GREETINGS or said.get("format") == "native_fallback":
        raise LoginNeeded(f"Kotak's price feed does not know us: {said}")
    exchanges = said.get("exchanges") or {}
    return {int(facts["value"]): int(facts["divider"]) for facts in exchanges.values() if {"value", "divider"} <= facts.keys()}


def _first_text(connection: ClientConnection) -> dict[str, Any]:
    while True:
        try:
            frame = connection.recv(timeout=_SECONDS)
        except TimeoutError as error:
            raise BrokerUnavailable("Kotak's price feed does not answer") from error
        if isinstance(frame, str):
            try:
                said = json.loads(frame)
            except ValueError as error:
                raise BrokerUnavailable("Kotak's price feed cannot be read") from error
            return said if isinstance(said, dict) else {}


def _ticks_of(frame: bytes, dividers: dict[int, int]) -> Iterator[Tick]:
    """The readable packets of a frame, up to one whose end cannot be found."""
    packets = split(frame)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, ValueError):
            return
        try:
            found = tick(packet, dividers)
        except ValueError:
            continue
        if found is not None:
            yield found


@contextmanager
def _connected(url: str) -> Iterator[ClientConnection]:
    from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
    from websockets.sync.client import connect

    try:
        connection = connect(url, open_timeout=_SECONDS, proxy=None)
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise BrokerUnavailable(f"Kotak's feed could not be opened: {type(error).__name__}") from error
    try:
        with connection:
            yield connection
    except WebSocketException as error:
        raise BrokerUnavailable(f"Kotak's feed broke: {type(error).__name__}") from error
