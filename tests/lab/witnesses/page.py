"""`docs/reference/official-clients.md`, written from the table of allowed differences and from what was recorded."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from tests.lab.witnesses import kite, kotak_neo, openalgo
from tests.lab.witnesses.allowed import ALLOWED
from tests.lab.witnesses.comparison import NOT_SENT, TRANSPORT, Difference, Recording, Secrets, call_of, differences, fields_of
from tests.lab.witnesses.recorder import Exchange
from tests.lab.witnesses.script import Client, Played, Stand, play

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "official-clients.md"
LENGTH = 200
"""Characters of a reply that the page shows."""
_HIDDEN = frozenset({"accept", "content-type", "user-agent", "x-request-id", "x-client-id", "origin", *TRANSPORT})


class Witness(NamedTuple):
    """A broker's official client, its package, and our adapter."""

    title: str
    package: str
    stand: Callable[[Path], Stand]
    official: Callable[..., Client]
    ours: Callable[..., Client]

    def played(self, client: Callable[..., Client]) -> Played:
        with tempfile.TemporaryDirectory() as folder, self.stand(Path(folder)) as stand:
            return play(stand, client(stand))


WITNESSES = {
    "kite": Witness("Kite Connect", "kiteconnect", kite.KiteStand, kite.Official, kite.Ours),
    "kotak_neo": Witness("Kotak Neo", "kotakneoapi", kotak_neo.KotakStand, kotak_neo.Official, kotak_neo.Ours),
    "openalgo": Witness("OpenAlgo", "openalgo", openalgo.OpenAlgoStand, openalgo.Official, openalgo.Ours),
}


def differing(theirs: Played, ours: Played) -> set[Difference]:
    """Return the fields in which two recordings of the actions differ."""
    one, other = (Recording(item.exchanges, item.secrets) for item in (theirs, ours))
    return differences(one, other)


def table() -> str:
    """Return the allowed differences of all brokers as one table."""
    lines = ["| broker | call | field | official client | our adapter | why |", "|---|---|---|---|---|---|"]
    for broker, rows in ALLOWED.items():
        for row in rows:
            cells = [_code(row.call), row.field, _code(row.theirs), _code(row.ours), row.why]
            lines.append(f"| {broker} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def transcript(broker: str, played: Played) -> str:
    """Return what an official client sent and what the sandbox replied, in short, without secrets."""
    witness = WITNESSES[broker]
    lines = [f"## {witness.title}: {witness.package} {version(witness.package)}", "", "```text"]
    for action, exchanges in groupby(played.exchanges, lambda item: item.action):
        lines.append(action)
        lines += [f"  {line}" for item in exchanges for line in _exchange(item, played.secrets)]
    return "\n".join([*lines, "```", ""])


def _exchange(item: Exchange, secrets: Secrets) -> list[str]:
    fields = {name: value for name, value in fields_of(item, secrets).items() if name.removeprefix("header ") not in _HIDDEN}
    lines = [f"> {call_of(item, secrets)}"]
    for place, names in groupby(fields, _place):
        shown = " ".join(f"{name.removeprefix(place).strip()}={fields[name]}".removeprefix("=") for name in names)
        lines.append(f"    {place}: {shown}")
    if item.sent:
        told = [secrets.hide(frame) for frame in item.heard if isinstance(frame, str)]
        ticks = [f"{len(frame)} bytes" for frame in item.heard if isinstance(frame, bytes) and len(frame) > 1]
        return [*lines, *(f"< {_short(frame)}" for frame in (*told[:2], *ticks[:1]))]
    return [*lines, f"< {item.status} {_short(secrets.hide(_text(item)))}"]


def _place(name: str) -> str:
    """Return where a field stands: `query`, `header`, `form`, `form jData`, `json`, `frame 1`."""
    words = name.split(" ")
    return " ".join(words[:2]) if words[0] == "frame" or words[:2] == ["form", "jData"] else words[0]


def _text(item: Exchange) -> str:
    """Return a reply on one line; of a list of instruments the head and the first row."""
    text = item.reply.decode()
    if "json" in item.kind:
        return json.dumps(json.loads(text), ensure_ascii=False)
    return " / ".join(text.splitlines()[:2])


def _short(text: str) -> str:
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}…"


def _code(text: str) -> str:
    shown = text.replace("|", "\\|")
    return shown if text.startswith("(") or text == NOT_SENT else f"`{shown}`"
