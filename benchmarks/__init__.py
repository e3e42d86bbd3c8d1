"""Figures beside figures: each benchmark measures ours and something else on the same bars, in one run, in turns.

Seconds say as much about a machine as about a program, so what is shown and judged is a ratio, of each repeat by itself. Nothing
here is asserted in a test but that it runs; what the two sides answer is compared, and a difference ends the run.

A benchmark is a module named in `registry` that has `measure(quick) -> Result`; its docstring's first line is its summary.
`form` has the shape of a result, `timing` the stopwatches, `market` the invented bars, `rivals` the other libraries.
"""
