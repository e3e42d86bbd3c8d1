"""The market in memory lives with the sandboxes; tests of the paper exchange know it by this name."""

from tradectl.lab.sandboxes.market import MarketListing, MemoryMarket, Minute, flat_bars

__all__ = ["MarketListing", "MemoryMarket", "Minute", "flat_bars"]
