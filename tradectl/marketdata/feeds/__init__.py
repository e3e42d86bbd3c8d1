"""Feeds: each keeps one kind of market data current, for the task `prices`. They implement the port `DataFeed`.

bars          daily bars of every missing session
actions       corporate actions, a week back and a month ahead
lists         files that NSE replaces each day: symbol changes, securities, members of an index
surveillance  GSM, ESM and ASM
derivatives   shares with futures and options
instruments   ticks and lots of the user's broker
holidays      closed days, and the next year
"""
