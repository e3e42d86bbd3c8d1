"""The language of a rule in one line: expressions over prices and indicators, parsed, checked and calculated by columns."""
