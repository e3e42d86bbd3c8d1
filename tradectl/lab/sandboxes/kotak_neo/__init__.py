"""A sandbox that speaks Kotak Neo's wire format over any exchange of ours, mostly the paper one.

door    who is let in: the login's two steps, tokens, addresses
scrips  the day's list of instruments
desk    orders: taken, changed, refused, and what becomes of their tags
rows    our dataclasses as Kotak's rows
stream  prices and order updates over a websocket
server  the requests

What Kotak's documents leave open is answered strictly here (an order that waits is changed with `am=YES` and no other), so that
an adapter that passes has said what it meant. What a `Broker` cannot tell is left out of a row.
"""

from tradectl.lab.sandboxes.kotak_neo.auth import Registered
from tradectl.lab.sandboxes.kotak_neo.server import CONFIG, KotakNeoSandbox

__all__ = ["CONFIG", "KotakNeoSandbox", "Registered"]
