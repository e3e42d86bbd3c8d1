"""Many settings tried on the past, and how much of what was found is luck."""
