"""Provide servers on loopback with a broker's wire format in front of a simulated exchange, with or without faults.

server          the HTTP server: one thread, one request at a time, with deliberate failures
response        the reply of a server, and the type of a false reply
ambiguous_replies  false replies, sent after a command was carried out
server_state    the state that a broker's server stores besides the exchange
stream          the websocket server of a sandbox
kite, kotak_neo, openalgo   Kite Connect, Kotak Neo, OpenAlgo
dhan            DhanHQ, registered by an entry point, like a sandbox of another package
broker_sandbox  find the sandboxes of other packages, and connect to them
launch          make the sandboxes of `tradectl sandbox`
start_of_day, repeated_tags   shared parts: the holdings of the morning, repeated client tags
fixture, market the exchange and the market in memory of the conformance cards
"""
