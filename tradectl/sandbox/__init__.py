"""Servers on loopback that speak a broker's wire format over an exchange of ours, faults included.

server   the HTTP server: one thread, one request at a time; what goes wrong on purpose
kite     Kite Connect
"""
