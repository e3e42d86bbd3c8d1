"""Export the accounts for other programs.

tables        trades, fills, orders, lots and daily returns, as typed rows
spreadsheets  writes tables as CSV, JSON Lines and XLSX
journal       double-entry bookkeeping of all fills, charges and corporate actions
plain_text    writes the journal in the form that both programs share
beancount     writes the journal for beancount
ledger_cli    writes the journal for ledger-cli
"""
