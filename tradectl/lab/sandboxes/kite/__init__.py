"""Kite Connect over an exchange of the program. Zerodha's own client can trade on it.

errors          Kite's error replies
auth            request tokens and access tokens, and when they end
listing         the day's list of instruments
rows            the exchange's book as Kite's rows
account         holdings, positions, margins, charges
history         candles
orders          commands, with Kite's own checks before the exchange's
backend         what Kite stores of the account and the market
stream          the websocket: ticks and order updates
server          the routes
"""

from tradectl.lab.sandboxes.kite.server import KiteSandbox

__all__ = ["KiteSandbox"]
