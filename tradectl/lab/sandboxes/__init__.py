"""Servers on loopback that speak a broker's wire format over an exchange of ours, faults included.

server     the HTTP server: one thread, one request at a time; what goes wrong on purpose
memory     what a broker's front remembers besides the exchange
stream     the websocket beside it
kite       Kite Connect
kotak_neo  Kotak Neo
openalgo   OpenAlgo
dhan       DhanHQ, brought by an entry point as another package would
broker_sandbox  how the sandboxes of other packages are found and reached
days_account, repeated  parts for them: the morning and the day apart, tags that are sent twice
kit        the cards that every adapter passes, on its floor (`floor`, `market`)
"""
