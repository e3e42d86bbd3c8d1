"""Requests to brokers: connections, their limits in time, and what replies prove.

transport      reads and commands, and what their failures mean
deadline       a check before the first byte, and a deadline for a whole reply
network        which internet protocol a connection uses, and time-outs
server_time    `Retry-After` and the server's clock
session_retry  repeat a request after a new login
stream         a websocket in a thread, and prices that arrive on it
loopback       a small HTTP server on this machine
strict_json    JSON with bounds
row_reading    rows that are read one by one
value_ranges   the range of each kind of value
replies        which replies to a command prove that nothing was done
"""
