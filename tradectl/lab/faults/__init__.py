"""The faulty exchange: a true exchange behind a network and a broker that tell lies, all of them drawn from one seed.

faults   the words for what goes wrong, what an adapter promises, and the draws
wire     commands on their way, and the file that remembers the few of them that are late
mirror   what a caller is shown of the order book
gate     what a request meets that reaches the exchange
broker   the adapter around the true exchange
"""

from tradectl.lab.faults.broker import FaultyBroker, Truth
from tradectl.lab.faults.kinds import HELD_BACK, HIDDEN_FROM_THE_BOOK, Fault, Promise, ServerError

__all__ = ["HELD_BACK", "HIDDEN_FROM_THE_BOOK", "Fault", "FaultyBroker", "Promise", "ServerError", "Truth"]
