"""Declare Kotak Neo's name, capabilities, the settings that a user enters, addresses and rate limits."""

from __future__ import annotations

from collections.abc import Mapping

from tradectl.brokers.adapter import Field
from tradectl.brokers.http.address_family import CONNECT_BY
from tradectl.ports import Capabilities

NAME = "kotak_neo"
CAPABILITIES = Capabilities(
    visibility_lag=None,
    refuses_repeated_tag=True,
    preopen_prices=False,
    amo=True,
    tag_length=20,  # a guess: Kotak documents no length
    tag_survives_modify=False,
    trade_times=False,  # `lstup_time` is the time of the last update, not of a trade
)
FIELDS = (
    Field("consumer_key", "Consumer key (NEO app, More, Trade API)"),
    Field("mobile_number", "Mobile number with +91", secret=False),
    Field("ucc", "Client code (UCC)", secret=False),
    Field("totp_secret", "TOTP secret, which Kotak showed beside the QR code"),
    Field("mpin", "MPIN"),
    # Kotak's pages disagree about the window: 15:45 to 08:57 in the newest page, narrower in older ones.
    Field("amo_from", "After-market orders from (IST)", secret=False, default="16:05"),
    Field("amo_until", "After-market orders until (IST)", secret=False, default="08:55"),
    CONNECT_BY,
)
ADDRESSES = {
    "login": "https://mis.kotaksecurities.com",
    "config": "https://lapi.kotaksecurities.com/5config/config",  # returns the feed addresses of a data centre
    "prices": "",  # price feed; empty: found by `addresses`
    "orders": "",  # order feed; empty: found by `addresses`
}
_HINT = ((9, 1.0), (300, 60.0), (5000, 3600.0))
"""Pairs of a number of requests and a span in seconds: the defaults of Kotak's own client.

No source has the limits of the server. Ten orders a second need a registered algo.
"""
LIMITS: Mapping[str, tuple[tuple[int, float], ...]] = {"orders": _HINT, "reads": _HINT}
