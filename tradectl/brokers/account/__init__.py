"""A user's account at a broker, between the ledger and the adapters.

live               the account that trades
read_only_account  the account that reads prices, for paper homes
credentials        what the ledger stores of it: fields and the login session
guard, permission  the checks before an order leaves
prices             quotes from the stream or by request
securities         which rows of a broker are the shares of the market data
day_cash           the cash of a day's trades
dedup              the same object for an equal result
"""
