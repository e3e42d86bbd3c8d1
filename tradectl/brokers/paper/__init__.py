"""Simulate an exchange with accounts, stored in one file, behind the same port as a real broker.

market_days      prices of one instrument on one session: hours, path, band and close
matching         the next event of one order, a pure function of the order and its market day
acceptance       the checks that reject an order, with a broker's texts
commands         place, modify, cancel, and a trade outside tradectl
corporate        the effect of an ex-date on held shares
account          orders, trades, lots of shares and the cash entries
settlement       applies all events up to a moment, in order of time
quote_snapshots  quotes that were read from a live source, and the price path through them
live             a live source: its quotes, and the snapshots by which orders settle
unobserved       refuses to settle through closed sessions whose data are not stored
quotation        quotes and pre-open prices of a moment, without later data
identity         checks that the file is the exchange that the ledger knows
schema           the tables
rows             conversion between objects and table rows
store            the SQLite file
views            order and trade reports, updated after each change
broker           the adapter: one transaction for each command
statement        cash, holdings, charges and results of an account, which agree to the paisa
"""

from tradectl.brokers.paper.broker import PaperBroker
from tradectl.brokers.paper.statement import Statement

__all__ = ["PaperBroker", "Statement"]
