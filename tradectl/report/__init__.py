"""Make reports, one in each module. Each reads the ledger and returns JSON values, with money as rupees in text."""
