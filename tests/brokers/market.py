"""The market in memory lives with the sandboxes; tests of the paper exchange know it by this name."""

from tradectl.lab.sandboxes.market import Listing, MemoryMarket, Minute, flat_bars

__all__ = ["Listing", "MemoryMarket", "Minute", "flat_bars"]
