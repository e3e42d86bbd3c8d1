"""Serve a read-only page of a home for a browser: status, positions, orders, charts, reports and log (`serve`).

No command can be given there. Each request opens the ledger read-only, and closes it. It writes nothing, also
after a new list of renames.

access         which names of this machine a browser may use, and the token
guard          admit a request, and restrict what the browser may do with the reply
report_files   the files of the folder of reports
views          read what each page shows
pages          make the replies
listening      listen until a signal
"""
