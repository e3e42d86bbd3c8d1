"""The panel store: the bars of the archive, time-major, in files that are mapped into memory.

    market/panel.json            the index of valid rows; replacing it publishes a new state of the store
    market/panel-12-k3x9/        an edition: all rows derived in one go, and those appended since
        open high low close volume state multiplier     one file per field, one row per session
        rows                     one record per session: its date, how many bars it has, the CRC32 of its row
        facts-14.json            renames, actions, lists and securities of generation 14

One more session is one more row at the end of each file; earlier bytes never change. Rows are written and flushed first, and
the index last. A process that dies leaves the old index or the new one; rows that no index counts do not exist. Columns keep
the order in which instruments first appeared. Spare columns follow, so a new instrument also needs only one more row.
"""
