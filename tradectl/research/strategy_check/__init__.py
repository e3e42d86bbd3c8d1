"""Check an own strategy before it trades: `strategy check`.

guard       refuse clocks, random numbers, files and the network while the code of a rule runs
guarded     a rule whose code runs under the guard
work        what a check reads and what it returns, sent between processes
columns     no future: compare the columns of a rule on bars that end earlier
runs        the runs of a strategy over symbols that each have their own money
steps       the checks, one after the other, in a process of their own
simulation  the same trades in one account and in `simulate`
luck        how good the result could be by chance
process     start the processes of a check, read their progress, and join their results
report      the result as JSON values and as sentences
"""
