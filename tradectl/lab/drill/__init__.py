"""The drill: days that go wrong on purpose, on a throw-away account, and the exchange's own book compared with ours after each.

days      sessions of an invented market, and the steps of a day
ground    the files (or tables) in which a day is played, copied before each step
trip      the wire that a life stumbles over: at the n-th commit or call to the broker
life      a process that works on a ground, until it dies
afar      a life's line through a broker's adapter to that broker's sandbox
ways      the sandboxes that it may lead to
whole_days  sessions through an adapter and its sandbox, compared with the paper exchange alone
untagged  which order of the ledger one at the exchange is, where the broker was told no tag
play      a step with what a person or cron would do about it: try again, start again
verdict   what the exchange has, against what the ledger believes
crashes   one seed: every crash point of one day under one fault
sweep     many seeds on several cores, with what was done kept so that it can be resumed
"""
