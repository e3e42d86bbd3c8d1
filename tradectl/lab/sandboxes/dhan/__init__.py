"""Simulate the DhanHQ API v2 in front of a simulated exchange: one client, one access token at a time.

auth     access tokens, valid for 24 hours
listing  the list of instruments of a segment, with security ids
rows     the exchange's book as Dhan's rows
orders   Dhan's own checks of an order
server   the requests
shapes   false replies: undocumented ones, and documented refusals
entry    credentials, addresses and login values (the entry point)

As at Dhan, an order that the risk checks or the exchange refuse is a rejected row of the order book. Sources:
dhanhq.co/docs/v2, dhanhq 2.3.0, replies measured in public repositories (2026-09).
"""

from tradectl.lab.sandboxes.dhan.server import DhanSandbox

__all__ = ["DhanSandbox"]
