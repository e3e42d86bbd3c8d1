"""Run rules in one line over many symbols at once: the same fills, trades and results as `backtest.symbol_run`, as arrays.

`engine` finds the trades, `results` makes the objects of a backtest from them. What the arrays do not handle runs through
`SymbolRun`, position by position.
"""
