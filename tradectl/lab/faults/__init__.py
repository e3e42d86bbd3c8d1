"""The faulty exchange: a true exchange behind a network and a broker that fail in ways drawn from one seed.

kinds      the faults, what an adapter promises, and the draws
in_flight  commands on their way, and the file of those that are late
book_view  the order book as the caller sees it
arrival    what happens to a command that reaches the exchange
broker     the adapter around the true exchange
"""

from tradectl.lab.faults.broker import FaultyBroker, Truth
from tradectl.lab.faults.kinds import HELD_BACK, HIDDEN_FROM_THE_BOOK, Fault, Promise, ServerError

__all__ = ["HELD_BACK", "HIDDEN_FROM_THE_BOOK", "Fault", "FaultyBroker", "Promise", "ServerError", "Truth"]
