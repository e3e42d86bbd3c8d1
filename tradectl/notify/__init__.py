"""Send notifications, by one adapter in each module. The runner sends the messages of the outbox through one of them."""
