"""Store the bars of the archive in files that are mapped into memory, one row per session.

    market/panel.json            the index of valid rows; replacing it publishes a new state of the store
    market/panel-12-k3x9/        an edition: all rows derived in one go, and those appended since
        open high low close volume state multiplier     one file per field, one row per session
        rows                     one record per session: its date, how many bars it has, the CRC32 of its row
        facts-14.json            renames, actions, decisions, lists and securities of generation 14

A new session adds one row at the end of each file; earlier bytes never change. Rows are written and flushed first, the index
last. A killed process leaves either the old index or the new one. Rows beyond the number in the index are ignored. Columns keep
the order in which instruments first appeared. Spare columns follow, so that a new instrument needs no new edition.
"""
