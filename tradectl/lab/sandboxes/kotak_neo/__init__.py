"""Simulate Kotak Neo in front of a simulated exchange, usually the paper exchange.

auth    the two steps of a login, tokens, client addresses
scrips  today's list of instruments
orders  order commands and client tags
rows    the exchange's book as Kotak's rows
stream  prices and order updates over a websocket
server  the requests

Where Kotak's documents are unclear, the sandbox is strict. For example, it changes a waiting order only with `am=YES`. So an
adapter must be explicit. Fields that `ports.Broker` does not report are absent from the rows.
"""

from tradectl.lab.sandboxes.kotak_neo.auth import RegisteredClient
from tradectl.lab.sandboxes.kotak_neo.server import CONFIG, KotakNeoSandbox

__all__ = ["CONFIG", "KotakNeoSandbox", "RegisteredClient"]
