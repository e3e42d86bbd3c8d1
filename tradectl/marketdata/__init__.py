"""Market data: `imports` reads files, `archive` stores them, and `store` returns them."""
