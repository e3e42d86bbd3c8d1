"""What people look at: one module a thing shown. Each reads the ledger and returns plain JSON values, money as rupees in text."""
