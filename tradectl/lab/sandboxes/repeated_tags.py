"""Accept a client tag twice, for brokers that do, where the exchange behind refuses it."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from tradectl.errors import OrderRefused
from tradectl.model.order import OrderReport, OrderRequest
from tradectl.ports import Broker

AGAIN = "~"
"""Stands between a tag and a number where the exchange has the tag already."""


def place(exchange: Broker, request: OrderRequest) -> str:
    """Place an order, under a numbered tag if need be, and return its id. Raises what the exchange raises."""
    tag = request.tag
    for number in count(2):
        try:
            return exchange.place(request)
        except OrderRefused as refusal:
            if refusal.code != "repeated_tag":
                raise
            request = replace(request, tag=f"{tag}{AGAIN}{number}")
    raise AssertionError("numbers do not end")


def tag_of(report: OrderReport) -> str | None:
    """Return the tag as the client sent it."""
    return report.tag.partition(AGAIN)[0] if report.tag else None
