"""The backtest of many settings at once, with arrays that have one value per setting and instrument."""
