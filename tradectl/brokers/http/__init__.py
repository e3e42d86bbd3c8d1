"""Send requests to brokers and read their replies.

transport        sends reads and commands, and maps their failures to errors
deadline         a check before the first byte, and a deadline for a whole reply
address_family   the internet protocol of a connection, and time-outs
server_time      `Retry-After` and the server's clock
session_retry    repeats a request after a new login
stream           a websocket in a thread, and the prices that arrive on it
loopback_server  a small HTTP server on this machine
strict_json      reads JSON with bounds
row_reading      reads the rows of a list one by one
value_ranges     the range of each kind of value
replies          the replies to a command that prove that nothing was done
"""
