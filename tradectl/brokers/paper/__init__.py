"""The paper exchange: an exchange and an account of its own, in a file of its own, behind the same port as a real broker.

tape        what the market did: one instrument's timetable, path, band and close on one session
matching    what happens next to one order, as a pure function of the order and the tape
acceptance  what is refused, in a broker's words
corporate   what an ex-date does to the shares held
book        the account: orders, trades, lots, cash journal
exchange    carries a book forward to a moment, step by step in order of time
seen        what was seen of a live source, and the path through it
live        such a source: its quotes, and the looks that settle orders
quotation   what a person watching the screen would see at a moment, and nothing later
schema      the tables
store       the SQLite file
broker      the adapter: one transaction a command
statement   the account as its owner reads it, every paisa accounted for
"""

from tradectl.brokers.paper.broker import PaperBroker
from tradectl.brokers.paper.statement import Statement

__all__ = ["PaperBroker", "Statement"]
