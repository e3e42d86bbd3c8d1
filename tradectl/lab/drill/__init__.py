"""Kill the program at every commit and every call to a faulty exchange, restart it, and compare ledger and exchange.

The account is temporary, and its market is synthetic.

days                  the sessions of the market, and the steps of a day
workspace             the files or tables of an account, copied before each step
crash_point           count commits and calls, and end a process at one of them
process               a simulated process that works in a workspace until it dies
forked_process        a real process that a signal kills or stops
exchange              the paper exchange with faults, and the world of a process
remote                calls through a broker's adapter to that broker's sandbox
broker_sandboxes      the sandboxes of the brokers, with credentials and logins
session_comparison    compare sessions through an adapter and its sandbox with sessions at the paper exchange
untagged_orders       match the orders of the exchange with the ledger's, for a broker without tags
ledger_check          compare the exchange's book with the ledger
unreported_positions  find positions without a live sell that the program did not report
crashes               drill one seed: every crash point of one day with one fault
seeds                 drill many seeds on several cores, with stored results so that a stopped run can continue
"""
