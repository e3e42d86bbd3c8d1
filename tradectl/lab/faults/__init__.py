"""Provide a faulty exchange: a simulated exchange behind a network and a broker that fail. One seed decides when.

kinds      the kinds of faults, what an adapter declares, and the random draws
in_flight  commands in the network, and the file that stores the late ones
book_view  the order book as the caller sees it
arrival    carry out a command that reaches the exchange
broker     the faulty broker in front of the exchange
"""

from tradectl.lab.faults.broker import FaultyBroker, Truth
from tradectl.lab.faults.kinds import ENDED_BY_BROKER, HIDDEN_FROM_THE_BOOK, Fault, Promise, ServerError

__all__ = ["ENDED_BY_BROKER", "HIDDEN_FROM_THE_BOOK", "Fault", "FaultyBroker", "Promise", "ServerError", "Truth"]
