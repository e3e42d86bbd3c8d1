"""The panel store: the bars of the archive, time-major, in files that are mapped into memory.

    market/panel.json            the index: what counts. Whoever replaces it has published a new state of the store
    market/panel-12-k3x9/        an edition: all rows derived in one go, and those appended since
        open high low close volume state multiplier     one file a field, one row a session
        rows                     one record a session: its date, how many bars it has, the CRC32 of its row
        facts-14.json            renames, actions, lists and securities of generation 14

One more session is one more row at the end of each file; the bytes before it are never touched again. Rows are written and
flushed first, and the index last, so whatever dies leaves the old index or the new one, and what no index counts is not there.
Columns stand in the order in which instruments were first seen. Some are kept free behind them, so that a newcomer is one more
row too.
"""
