"""Read the papers of a broker and the lists for taxes, and compare the papers with the ledger."""
