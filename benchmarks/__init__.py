"""Compare the speed of tradectl with that of other programs, on the same bars, in one run, alternately.

Seconds depend on the machine as much as on the program, so the result is a ratio, computed for each repeat. The tests check only
that each benchmark runs. A benchmark also compares the results of the two sides, and a difference ends the run.

A benchmark is a module named in `registry` that has `measure(quick) -> Result`; the first line of its docstring is its summary.
`form` defines a result, `timing` measures times, `market` makes the synthetic bars, `rivals` has the other libraries.
"""
