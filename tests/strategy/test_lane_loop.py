"""The loop runs whatever rule it is given: shares, corporate actions, fills and trades are its own work, and the same for all."""
