"""OpenAlgo's REST API over an exchange of the program: one user, one API key, its broker behind it.

schema  the fields that a request must and may have
rows    the exchange's book as OpenAlgo's rows
server  the requests

Its order book has no tags and no filled quantities, its trade book no dates; holdings are of this morning, net positions of
today. Source: marketcalls/openalgo v2.0.2.1, its documentation and services.
"""

from tradectl.lab.sandboxes.openalgo.schema import COMMANDS, READS, ROOT
from tradectl.lab.sandboxes.openalgo.server import OpenAlgoSandbox

__all__ = ["COMMANDS", "READS", "ROOT", "OpenAlgoSandbox"]
