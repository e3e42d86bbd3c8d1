"""Fetch market data from sources. A source delivers files, which the importers check like any other file.

port                the protocol of a source
request_pacer       request rate, time limits and retries
download            one file over HTTP, complete or not at all
nse                 NSE's daily bhavcopies
surveillance_files  NSE's daily surveillance lists
past                the history of one share from a source that adjusts prices
yahoo               client for Yahoo's charts through yfinance
yahoo_session       the HTTP session of that client
candles             client for a broker's daily candles
restoring           restores adjusted bars as traded, or rejects them
stored_facts        stored facts about a symbol, for `restoring`
delayed             quotes from Yahoo, for paper homes only
"""
