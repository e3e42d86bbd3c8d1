"""Keep the accounts of a user: what each fill cost, line by line, and what each closed trade earned.

charge_lines     the charges of a fill by line (brokerage, STT, ...), which sum to the stored charges exactly
charged_trades   divides the charges of fills among the trades and lots of a position
trade_history    fills, closed trades, open lots and dividends of a user, each with its charge lines
lot_changes      what corporate actions did to the lots
profit_and_loss  groups of a history by period, symbol and purpose, whose sums are the sums of the whole
noted            the notes on orders and trades
periods          days, weeks, months and financial years
"""
