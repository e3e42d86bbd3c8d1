"""Servers on loopback that speak a broker's wire format over an exchange of the program, faults included.

server          the HTTP server: one thread, one request at a time, and its failures on purpose
response        what a server sends, and `ambiguous_replies`, replies that hide what was done
server_state    what a broker's server stores besides the exchange
stream          the websocket beside it
kite, kotak_neo, openalgo   Kite Connect, Kotak Neo, OpenAlgo
dhan            DhanHQ, registered by an entry point as another package would be
broker_sandbox  how the sandboxes of other packages are found and reached
launch          sandboxes for `tradectl sandbox`
start_of_day, repeated_tags   parts for them: holdings of the morning, tags that are sent twice
fixture, market the exchange and the market in memory of the conformance cards
"""
