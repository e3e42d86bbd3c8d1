"""Where everything is: the login's paths at the login's address, all others at the base address that the login answers with."""

from __future__ import annotations

LOGIN = "/login/1.0/tradeApiLogin"
VALIDATE = "/login/1.0/tradeApiValidate"
CLIENT_IP = "/login/1.0/get-client-ip"

PLACE = "/quick/order/rule/ms/place"
MODIFY = "/quick/order/vr/modify"
CANCEL = "/quick/order/cancel"
ORDERS = "/quick/user/orders"
"""The order book; with `/` and an order's number, that order."""
HISTORY = "/quick/order/history"
TRADES = "/quick/user/trades"
POSITIONS = "/quick/user/positions"
HOLDINGS = "/portfolio/v1/holdings"
LIMITS = "/quick/user/limits"
CHECK_MARGIN = "/quick/user/check-margin"
SCRIP_FILES = "/script-details/1.0/masterscrip/file-paths"
QUOTES = "/script-details/1.0/quotes/neosymbol"
"""Followed by `/segment|token,segment|token/` and what is wanted of them."""

SEGMENT = "nse_cm"
"""The cash segment of NSE, the only one we trade in."""
SOURCE = "NEOTRADEAPI"
"""How an order says that it came through the Trade API."""
FIN_KEY = "neotradeapi"
