"""Keep the accounts of a user: what each fill cost, line by line, and what each closed trade earned.

charge_lines   the charges of a fill by line (brokerage, STT, ...), which sum to the stored charges exactly
trade_history  fills, closed trades, open lots and dividends of a user, each with its charge lines
periods        days, weeks, months and financial years
"""
