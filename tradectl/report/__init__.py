"""Reports: one module each. Each reads the ledger and returns plain JSON values, with money as rupees in text."""
