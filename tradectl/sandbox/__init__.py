"""Servers on loopback that speak a broker's wire format over an exchange of ours, faults included.

server     the HTTP server: one thread, one request at a time; what goes wrong on purpose
memory     what a broker's front remembers besides the exchange
stream     the websocket beside it
kite       Kite Connect
kotak_neo  Kotak Neo
kit        the cards that every adapter passes, on its floor (`floor`, `market`)
"""
