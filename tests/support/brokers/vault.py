"""The vault in memory, which ships with the adapter kit."""

from tradectl.lab.conformance.memory_vault import MemoryVault

__all__ = ["MemoryVault"]
