"""Where Kotak's positions and feeds are, as in kotakneoapi 3.0.9, and what its client sends for an order without a tag."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request as Call
from urllib.request import urlopen

import pytest
from msgspec.structs import replace

from tests.support.brokers.exchange import ist
from tests.support.brokers.kotak import MakeNeo, Neo
from tests.support.brokers.market import MarketListing, flat_bars
from tradectl.brokers.kotak_neo import paths
from tradectl.brokers.kotak_neo.addresses import PRICES, FeedAddresses, endpoints, usable
from tradectl.brokers.kotak_neo.declaration import ADDRESSES
from tradectl.brokers.kotak_neo.login import current
from tradectl.lab.sandboxes.kotak_neo import CONFIG
from tradectl.lab.sandboxes.response import Response
from tradectl.model.market import Instrument
from tradectl.model.order import Holding, OrderStatus

FRIDAY = date(2023, 7, 14)
FEED = "wss://sfeed.kotaksecurities.com/apifeed2"


@pytest.fixture
def kotak(neo: MakeNeo) -> Neo:
    listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INE001A01011", 5), flat_bars([FRIDAY], 10000, volume=375_000))
    return neo(listing, at=ist(FRIDAY, "10:00"))


def config(**entries: Any) -> dict[str, Any]:
    return {"data": {"configs": entries}}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://sfeed.kotaksecurities.com/apifeed", PRICES),
        (PRICES, PRICES),
        ("ws://127.0.0.1:7/x", "ws://127.0.0.1:7/x"),
        ("http://127.0.0.1:7/x", "ws://127.0.0.1:7/x"),
        ("http://sfeed.kotaksecurities.com/apifeed", ""),
        ("wss://kotaksecurities.com.example.org/apifeed", ""),
        ("wss://evilkotaksecurities.com/apifeed", ""),
        ("wss://user@example.org:443/.kotaksecurities.com", ""),
        ("wss://[::1", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_feed_outside_kotaks_domain_is_never_used(url: object, found: str) -> None:
    assert usable(url) == found


@pytest.mark.parametrize(
    ("content", "prices"),
    [
        (config(E43_broadcast_source="sh", E43_sh_broadcast_endpoint=FEED.replace("wss", "https")), FEED),
        (config(E43_broadcast_source="ks", E43_sh_broadcast_endpoint=FEED), ""),
        (config(E41_broadcast_source="sh", E41_sh_broadcast_endpoint=FEED), None),
        (config(), None),
        ({"data": None}, None),
        ({}, None),
        ({"data": {"configs": [1]}}, None),
    ],
)
def test_an_endpoint_is_looked_up_in_two_steps(content: dict[str, Any], prices: str | None) -> None:
    assert endpoints(content, "E43").get("broadcast") == prices


def test_an_address_is_the_set_one_else_the_services_else_logins(kotak: Neo) -> None:
    kotak.sandbox.instead[CONFIG] = Response.of(config(E00_broadcast_source="sh", E00_sh_broadcast_endpoint=FEED))
    session, service = current(kotak.account), {**kotak.account.addresses, "config": kotak.sandbox.url + CONFIG}
    told = replace(session, tokens={**session.tokens, "feed_url": "https://e43.kotaksecurities.com/feed"})
    nowhere = replace(session, tokens={**session.tokens, "data_center": "E99"})

    def prices(addresses: dict[str, str], of: Any) -> str:
        return FeedAddresses(replace(kotak.account, addresses=addresses)).prices(of)

    assert prices({**service, "prices": "ws://127.0.0.1:9"}, told) == "ws://127.0.0.1:9"
    assert prices(service, told) == FEED
    kotak.sandbox.instead[CONFIG] = Response(503, b"")
    assert prices(service, told) == "wss://e43.kotaksecurities.com/feed"
    assert prices(service, nowhere) == PRICES
    assert FeedAddresses(kotak.account).orders(session).endswith("/realtime")


def test_a_sandboxs_session_is_not_looked_up_at_kotak(kotak: Neo) -> None:
    """The addresses of a home at a sandbox: `broker set --address login=` replaced one of them."""
    addresses = {**ADDRESSES, "login": kotak.sandbox.url}
    assert FeedAddresses(replace(kotak.account, addresses=addresses)).prices(current(kotak.account)) == PRICES


def test_the_older_path_of_positions_is_the_fallback(kotak: Neo) -> None:
    kotak.buy(10, 10000)
    kotak.to(FRIDAY, "10:05")
    held = (Holding("ACME", 0, 10, 10),)
    assert kotak.broker.holdings() == held
    kotak.sandbox.instead[paths.POSITIONS] = Response(404, b"<html>no such call</html>", "text/html")
    assert kotak.broker.holdings() == held  # the path that answered before is asked, then both, then the trades
    assert kotak.broker.holdings() == held
    kotak.sandbox.instead[paths.OLD_POSITIONS] = Response(503, b"")
    assert kotak.broker.holdings() == held


def test_the_sandbox_takes_an_untagged_order_as_the_sdk_sends_it(kotak: Neo) -> None:
    session = current(kotak.account)
    asked = {
        "am": "NO", "dq": "0", "es": "nse_cm", "mp": "0", "pc": "CNC", "pr": "99.95", "pt": "L", "qt": "3", "rt": "DAY",
        "tp": "0", "ts": "ACME-EQ", "tt": "B", "ig": None, "os": "NEOTRADEAPI",
    }  # fmt: skip
    headers = {"Sid": session.tokens["sid"], "Auth": session.tokens["token"], "Authorization": "key-1"}
    data = urlencode({"jData": json.dumps(asked)}).encode()
    with urlopen(Call(kotak.sandbox.url + paths.PLACE, data, headers)) as answer:
        number = json.load(answer)["nOrdNo"]
    found = kotak.order(number)
    assert (found.status, found.tag, found.quantity) == (OrderStatus.ONGOING, None, 3)


def test_an_amo_is_cancelled_as_one(neo: MakeNeo) -> None:
    listing = MarketListing(Instrument("ACME", "ACME", "EQ", "INE001A01011", 5), flat_bars([FRIDAY], 10000, volume=375_000))
    kotak = neo(listing, at=ist(FRIDAY, "16:30"))
    kotak.broker.cancel(kotak.buy(10, 10000, amo=True))
    assert [sent["am"] for path, sent in kotak.sandbox.heard if path == paths.CANCEL] == ["YES"]
