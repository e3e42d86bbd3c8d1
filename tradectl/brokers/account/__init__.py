"""Connect a user's account at a broker with the ledger and the adapters.

live_account       the account that trades
read_only_account  the account that only reads prices, for paper homes
credentials        the fields and the login session that the ledger stores
guard, permission  the checks before an order is sent
prices             quotes from the stream or by request
securities         matches rows of a broker with the shares of the market data
day_cash           the cash of a day's trades
dedup              returns the same object for an equal result
"""
