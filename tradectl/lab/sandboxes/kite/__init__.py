"""Simulate Kite Connect in front of a simulated exchange. Zerodha's own client can trade on it.

errors          Kite's error replies
auth            request tokens and access tokens, and when they end
listing         today's list of instruments
rows            the exchange's book as Kite's rows
account         holdings, positions, margins, charges
history         candles
orders          order commands, with Kite's own checks before those of the exchange
backend         the account and the market in Kite's rows
stream          the websocket: ticks and order updates
server          the routes
"""

from tradectl.lab.sandboxes.kite.server import KiteSandbox

__all__ = ["KiteSandbox"]
