"""Kotak Neo's wire format over an exchange of the program, mostly the paper one.

auth    the login's two steps, tokens, addresses
scrips  the day's list of instruments
orders  orders that are taken, changed or refused, and their tags
rows    the exchange's book as Kotak's rows
stream  prices and order updates over a websocket
server  the requests

Where Kotak's documents leave something open, the sandbox is strict (a waiting order is changed with `am=YES` only), so that an
adapter must state what it means. What a `Broker` does not report is absent from a row.
"""

from tradectl.lab.sandboxes.kotak_neo.auth import RegisteredClient
from tradectl.lab.sandboxes.kotak_neo.server import CONFIG, KotakNeoSandbox

__all__ = ["CONFIG", "KotakNeoSandbox", "RegisteredClient"]
