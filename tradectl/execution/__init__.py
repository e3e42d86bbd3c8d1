"""Send orders and keep the book equal to the broker: the order path, reconciliation and what they need."""
