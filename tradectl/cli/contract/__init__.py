"""The contract of `--json`: the type of each command's result, from which the JSON Schemas of the reference are generated.

No command imports this package. The reference and the tests do: they compare every object that a command prints with its schema.
"""
