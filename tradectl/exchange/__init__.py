"""Facts of NSE's cash market as dated tables: sessions and phases, ticks, bands, charges."""
