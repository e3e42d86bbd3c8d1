"""The vault in memory, which ships with the adapter kit."""

from tradectl.sandbox.kit.vault import MemoryVault

__all__ = ["MemoryVault"]
