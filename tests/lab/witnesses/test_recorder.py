"""The proxy passes everything on unchanged, and keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect

from tests.lab.witnesses.kite import KiteStand
from tests.lab.witnesses.recorder import Recorder
from tradectl.lab.sandboxes.server import Trouble


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[KiteStand]:
    with KiteStand(tmp_path) as made:
        yield made


def test_a_request_and_its_reply_are_passed_on_and_kept(stand: KiteStand) -> None:
    through = {"data": {"quantity": "10", "tag": "a b&c"}, "params": {"i": ["NSE:M&M", "NSE:ACME"]}, "headers": {"X-Own": "x"}}
    with stand.recorder.during("an action"):
        proxied = requests.post(f"{stand.recorder.url}/orders/regular", timeout=5, **through)
    direct = requests.post(f"{stand.sandbox.url}/orders/regular", timeout=5, **through)
    assert (proxied.status_code, proxied.json()) == (direct.status_code, direct.json()) == (403, proxied.json())
    (kept,) = stand.recorder.exchanges
    assert (kept.action, kept.method, kept.path, kept.body) == (
        "an action",
        "POST",
        "/orders/regular",
        b"quantity=10&tag=a+b%26c",
    )
    assert kept.query == [("i", "NSE:M&M"), ("i", "NSE:ACME")]
    assert (kept.headers["x-own"], kept.status, kept.reply) == ("x", 403, proxied.content)


def test_the_servers_address_in_a_reply_becomes_the_proxys(stand: KiteStand) -> None:
    led = requests.get(f"{stand.recorder.url}/connect/login", timeout=5).text
    assert led.startswith(stand.recorder.url)
    assert stand.sandbox.url not in led


def test_a_connection_that_breaks_at_the_server_breaks_here(stand: KiteStand) -> None:
    stand.sandbox.trouble(Trouble.CUT)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{stand.recorder.url}/orders", timeout=5)
    assert stand.recorder.exchanges[0].status == 0
    with Recorder("http://127.0.0.1:9") as nowhere, pytest.raises(requests.ConnectionError):
        requests.get(nowhere.url, timeout=5)


def test_frames_go_both_ways_and_are_kept(stand: KiteStand) -> None:
    assert stand.stream is not None
    tokens = stand.sandbox.tokens
    token = tokens.request()
    access = tokens.exchange(tokens.key, token, sha256(f"{tokens.key}{token}{tokens.secret}".encode()).hexdigest())
    frames = ['{"a": "subscribe", "v": [256001]}', json.dumps({"a": "mode", "v": ["full", list(range(256001, 276001))]})]
    with connect(f"{stand.stream.stream_url}?api_key={tokens.key}&access_token={access}", compression=None) as socket:
        for frame in frames:
            socket.send(frame)
        heard = socket.recv(timeout=10)
    (kept,) = stand.stream.exchanges
    assert (kept.sent, kept.heard[0]) == (frames, heard)
