"""Simulate OpenAlgo's REST API in front of a simulated exchange: one user, one API key, one broker.

schema  the fields that a request must and may have
rows    the exchange's book as OpenAlgo's rows
server  the requests

The order book has no tags and no filled quantities, and the trade book has no dates. Holdings are as of this morning, net
positions are of today. Source: marketcalls/openalgo v2.0.2.1, its documentation and services.
"""

from tradectl.lab.sandboxes.openalgo.schema import COMMANDS, READS, ROOT
from tradectl.lab.sandboxes.openalgo.server import OpenAlgoSandbox

__all__ = ["COMMANDS", "READS", "ROOT", "OpenAlgoSandbox"]
