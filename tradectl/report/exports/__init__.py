"""Export the accounts for other programs.

tables        trades, fills, orders, lots and daily returns, as typed rows
spreadsheets  writes tables as CSV, JSON Lines and XLSX
bookkeeping   double-entry bookkeeping of all fills, charges and corporate actions
plain_text    writes the bookkeeping in the form that both programs share
beancount     writes the bookkeeping for beancount
ledger_cli    writes the bookkeeping for ledger-cli
"""
