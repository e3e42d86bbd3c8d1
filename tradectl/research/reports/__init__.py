"""Write the JSON results and the texts of `backtest` and `sweep`."""
