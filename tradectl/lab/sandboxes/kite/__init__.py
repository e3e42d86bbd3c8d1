"""Kite Connect over an exchange of ours: Zerodha's own client can trade on it.

errors   what Kite answers instead of data
tokens   request tokens and access tokens, which end
listing  the day's list of instruments
rows     the exchange's book in Kite's rows
account  holdings, positions, margins
history  candles
notes    charges
orders   commands, with what Kite itself checks before the exchange does
office   what Kite knows of the account and the market
stream   the websocket: ticks and order updates
server   which path is answered by what
"""

from tradectl.lab.sandboxes.kite.server import KiteSandbox

__all__ = ["KiteSandbox"]
