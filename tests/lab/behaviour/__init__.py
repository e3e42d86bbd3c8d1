"""The table of docs/reference/broker-behaviour.md: one test a row, for each adapter that the row names."""
