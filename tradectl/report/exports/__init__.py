"""Export the accounts for other programs.

tables        trades, fills, orders, lots and daily returns, as typed rows
spreadsheets  writes tables as CSV, JSON Lines and XLSX
bookkeeping   double-entry bookkeeping of all fills, charges and corporate actions
beancount     writes the bookkeeping for beancount
ledger_cli    writes the bookkeeping for ledger-cli
"""
