"""Sources of prices that are fetched. A source downloads files; the importers check them like any other.

port      what a source is
patience  rate of requests, limits of waiting, retries
download  one file over HTTP, whole or not at all
nse       the exchange's own daily files
past      the reply of a source that adjusts its history
yahoo     Yahoo's charts through yfinance: the client
candles   a broker's daily candles: the client
restoring adjusted bars restored as traded, or rejected
knowledge stored facts about a symbol for a source that adjusts
delayed   quotes from Yahoo, for paper only
"""
