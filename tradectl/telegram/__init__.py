"""Answer commands that a paired phone sends to the operator's Telegram bot, and ask there for the approval of buys.

One process for each user polls Telegram (`tradectl telegram run`). Nothing that raises risk is accepted from a phone.
"""
