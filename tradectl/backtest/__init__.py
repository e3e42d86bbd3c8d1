"""Backtest the rules on stored bars, session by session, for one symbol or one account, and compute the figures."""
