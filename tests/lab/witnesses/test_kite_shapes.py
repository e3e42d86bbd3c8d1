"""The sandbox's replies have every field of Zerodha's published samples, each of the same JSON type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from kiteconnect import exceptions as kite_errors

from tests.integration.brokers.kite.published import reply
from tests.lab.witnesses import kite
from tests.lab.witnesses.test_books import trade
from tradectl.lab.sandboxes.fixture import FRIDAY, MONDAY, ist

SAMPLES = {
    "/orders": "orders", "/trades": "trades", "/portfolio/positions": "positions", "/user/margins": "margins",
    "/user/margins/equity": "margins_equity", "/user/margins/commodity": "margins_equity", "/user/profile": "profile",
    "/quote": "quote", "/portfolio/holdings": "holdings",
}  # fmt: skip


def lacking(sample: Any, served: Any, where: str = "") -> Iterator[str]:
    """Yield the fields of a sample that a reply lacks, or has as another JSON type. Null in either may be anything."""
    if isinstance(sample, list):
        for item in served[:1] if sample else ():
            yield from lacking(sample[0], item, f"{where}[]")
    elif isinstance(sample, dict):
        for name, value in sample.items():
            if name not in served:
                yield f"{where}.{name}"
            else:
                yield from lacking(value, served[name], f"{where}.{name}")
    elif None not in {sample, served} and kind(sample) is not kind(served):
        yield f"{where}: {sample!r} {served!r}"


def kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def test_no_published_field_is_missing(tmp_path: Path) -> None:
    with kite.KiteStand(tmp_path) as stand:
        client = kite.Official(stand)
        trade(stand, client)
        for path, name in SAMPLES.items():
            if path == "/portfolio/holdings":
                stand.fixture.clock.move_to(ist(MONDAY, "10:00"))
                client.login()
            headers = {"Authorization": f"token {client.kite.api_key}:{client.kite.access_token}"}
            served = requests.get(stand.sandbox.url + path, params={"i": "NSE:INFY"}, headers=headers, timeout=5).json()["data"]
            if name == "quote":
                served = {"NSE:INFY": next(iter(client.kite._get("market.quote", params={"i": "NSE:ACME"}).values()))}
            assert list(lacking(json.loads(reply(name))["data"], served)) == [], path
            assert served, path
        session = next(item for item in stand.recorder.exchanges if item.path == "/session/token")
        assert list(lacking(json.loads(reply("generate_session"))["data"], json.loads(session.reply)["data"])) == []
        notes = client.kite.get_virtual_contract_note([kite.note("1")])
        assert list(lacking(json.loads(reply("virtual_contract_note"))["data"], notes)) == []
        client.close()


def test_a_field_that_is_missing_or_of_another_type_is_found() -> None:
    assert list(lacking({"a": 1, "b": [{"c": "x"}]}, {"a": 1.5, "b": [{"c": None}]})) == []
    assert list(lacking({"a": 1, "b": [{"c": "x"}]}, {"b": [{"c": 1}]})) == [".a", ".b[].c: 'x' 1"]


@pytest.mark.parametrize(("interval", "days"), [("day", 2000), ("minute", 60)])
def test_a_span_that_is_too_long_is_refused_as_kite_does(tmp_path: Path, interval: str, days: int) -> None:
    with kite.KiteStand(tmp_path) as stand:
        client = kite.Official(stand)
        client.login()
        token = {row["tradingsymbol"]: row["instrument_token"] for row in client.kite.instruments("NSE")}["RISE"]
        first, before = (str(FRIDAY - timedelta(days=span)) for span in (days, days + 1))
        assert client.kite.historical_data(token, first, str(FRIDAY), interval) != []
        with pytest.raises(kite_errors.InputException, match=f"max limit: {days} days"):
            client.kite.historical_data(token, before, str(FRIDAY), interval)
        client.close()
