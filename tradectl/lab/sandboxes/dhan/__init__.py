"""The DhanHQ API v2 over an exchange of the program: one client, one access token at a time.

auth     access tokens, good for 24 hours
listing  the list of instruments of a segment, with security ids
rows     the exchange's book as Dhan's rows
orders   Dhan's own checks of an order
server   the requests
shapes   replies that prove nothing, and those that Dhan documents as refusals
entry    credentials, addresses and login answers (the entry point)

What its risk checks or the exchange refuse is a rejected row of the book, as at Dhan. Sources: dhanhq.co/docs/v2, dhanhq 2.3.0,
replies measured in public repositories (2026-09).
"""

from tradectl.lab.sandboxes.dhan.server import DhanSandbox

__all__ = ["DhanSandbox"]
