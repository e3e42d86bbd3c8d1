"""OpenAlgo's REST API over any exchange of ours: one user, one API key, its broker behind it.

schema  what a request must hold, and what there may be beside it
rows    our dataclasses as OpenAlgo's rows
server  the requests

An order book without tags and without what is filled, a trade book without dates, holdings of this morning and net positions of
today. Source: marketcalls/openalgo v2.0.2.1, its documentation and services.
"""

from tradectl.lab.sandboxes.openalgo.schema import COMMANDS, READS, ROOT
from tradectl.lab.sandboxes.openalgo.server import OpenAlgoSandbox

__all__ = ["COMMANDS", "READS", "ROOT", "OpenAlgoSandbox"]
