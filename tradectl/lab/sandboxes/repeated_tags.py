"""Accept a repeated client tag, as some brokers do, although the simulated exchange refuses it."""

from __future__ import annotations

from itertools import count

from msgspec.structs import replace

from tradectl.errors import OrderRefused
from tradectl.model.order import OrderReport, OrderRequest
from tradectl.ports import Broker

AGAIN = "~"
"""Separates a repeated tag from the number that makes it unique at the exchange."""


def place(exchange: Broker, request: OrderRequest) -> str:
    """Place an order and return its id. A repeated tag gets a number. Raises the errors of `exchange.place`."""
    tag = request.tag
    for number in count(2):
        try:
            return exchange.place(request)
        except OrderRefused as refusal:
            if refusal.code != "repeated_tag":
                raise
            request = replace(request, tag=f"{tag}{AGAIN}{number}")
    raise AssertionError("no free tag was found")


def tag_of(report: OrderReport) -> str | None:
    """Return the tag as the client sent it; None for an order without a tag."""
    return report.tag.partition(AGAIN)[0] if report.tag else None
