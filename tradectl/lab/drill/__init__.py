"""Kill the program at every commit and every call to a faulty exchange, restart it, and compare ledger and exchange.

The account is thrown away. Its market is invented.

days                  sessions of the market, and the steps of a day
workspace             the files or tables of an account, copied before each step
crash_point           counts commits and calls, and ends a process at one of them
process               a process that works in a workspace until it dies
forked_process        a process of its own that is killed or stopped by a signal
exchange              the paper exchange behind faults, and the world of a process
remote                a process's calls through a broker's adapter to that broker's sandbox
broker_sandboxes      the sandboxes of the brokers, with credentials and logins
session_comparison    sessions through an adapter and its sandbox, compared with the paper exchange alone
untagged_orders       match the orders of an exchange with the ledger's where the broker has no tag
ledger_check          compare what the exchange has with what the ledger says
unreported_positions  positions without a live sell that the program did not report
crashes               one seed: every crash point of one day under one fault
seeds                 many seeds on several cores, with results kept so that a stopped run goes on
"""
