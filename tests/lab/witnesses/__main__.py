"""Write `docs/reference/official-clients.md` again: `python -m tests.lab.witnesses`. Exit 1 where a difference is not allowed."""

from __future__ import annotations

import sys

from tests.lab.witnesses.allowed import unlisted, unused
from tests.lab.witnesses.page import PAGE, WITNESSES, differing, table, transcript

INTRODUCTION = """# Official clients beside our adapters

The brokers' own clients drive the sandboxes, and a recording proxy between client and sandbox keeps every request. Our adapter
carries out the same actions, and the requests are compared field by field: method, path, query, headers, form and JSON values
with their types, websocket frames. `tests/lab/witnesses` does so in each run of the tests: a difference that is not in the table
fails, and so does a row that no longer occurs. `python -m tests.lab.witnesses` writes this page again.

| broker | official client | installed as |
|---|---|---|
| kite | `kiteconnect` | the `dev` extra |
| kotak_neo | `kotakneoapi` | `tests/lab/witnesses/requirements.txt`, without its dependencies: it wants pandas below 3 |
| openalgo | `openalgo` | the `dev` extra; 1.0.47 is the last version for Python 3.11 |

Both then read one account, and must read the same: orders, trades, holdings, funds, quotes, frames of the feeds. The clients also
trade at `tradectl sandbox NAME` in processes of their own. Zerodha's published samples are read in
`tests/integration/brokers/kite/test_published_shapes.py`; with TRADECTL_KITE_MOCKS=FOLDER from that repository's own files.

Zerodha's own integration tests (pykiteconnect f5531bd, 45 tests), run by hand on 2026-11-30 against `sandbox kite` with CNC for
MIS, prices on the tick and market protection: 23 passed, 2 of them after hours. The others want what is not served: mutual
funds, auctions, cover and stop-loss orders, trigger ranges, intervals between a minute and a day, api.kite.trade itself.

Not among the actions, because neither our adapter nor its sandbox has them: OpenAlgo's websocket and history, Kotak's candles.

## Allowed differences

"""
BETWEEN = """
`(not sent)`: the field, or the call, is not among this client's requests. Left out of the comparison: `Host`, `Connection`,
`Content-Length`, `Accept-Encoding` and the websocket handshake's own headers.

What follows is what each official client sent and what the sandbox replied, in short, with secrets hidden.

"""


def main() -> int:
    """Play all brokers, write the page, and print what the table lacks or has too much."""
    parts, wrong = [INTRODUCTION, table(), BETWEEN], 0
    for broker, witness in WITNESSES.items():
        theirs, ours = witness.played(witness.official), witness.played(witness.ours)
        found = differing(theirs, ours)
        for item in (*unlisted(broker, found), *unused(broker, found)):
            sys.stdout.write(f"{broker}: {item}\n")
            wrong += 1
        parts += [transcript(broker, theirs), "\n"]
    PAGE.write_text("".join(parts).rstrip() + "\n", encoding="utf-8")
    return 1 if wrong else 0


sys.exit(main())
