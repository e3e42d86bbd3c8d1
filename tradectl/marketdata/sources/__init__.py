"""Where prices come from that nobody carries in by hand. A source fetches files; the importers judge them like any other.

port      what a source is
patience  how fast we ask, how long we wait, what is tried again
download  one file over HTTP, whole or not at all
nse       the exchange's own daily files
past      what a source that adjusts its history says of a share
yahoo     Yahoo's charts through yfinance: the client
candles   a broker's daily candles: the client
restoring adjusted bars made what was traded again, or refused
knowledge what we know of a symbol before a source that adjusts is asked
delayed   quotes from Yahoo, for paper only
"""
