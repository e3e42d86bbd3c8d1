"""The paper exchange: an exchange with accounts in a file of its own, behind the same port as a real broker.

market_days what the market did: one instrument's hours, path, band and close on one session
matching    what happens next to one order, as a pure function of an order and its market day
acceptance  what the exchange refuses, with a broker's texts
corporate   what an ex-date does to the shares held
account     orders, trades, lots of shares and the cash journal
settlement  carries an account forward to a moment, in order of time
quote_snapshots  prices that were read from a live source, and the path through them
live        a live source: its quotes, and the snapshots that settle orders
quotation   quotes and pre-open prices of a moment, with nothing that comes later
schema      the tables
store       the SQLite file
broker      the adapter: one transaction a command
statement   cash, holdings, charges and results of an account, which agree to the paisa
"""

from tradectl.brokers.paper.broker import PaperBroker
from tradectl.brokers.paper.statement import Statement

__all__ = ["PaperBroker", "Statement"]
