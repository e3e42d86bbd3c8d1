"""What the market did: files come in through `imports`, are kept in `archive`, and are read back through `store`."""
