"""Two weeks of evenings by hand: every signal has its reason, `simulate` has the same ones, and `why` knows every symbol."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import Homes, Once, home_with
from tests.acceptance.program import Row, Server, Tradectl, rows

FIRST, LAST = date(2023, 3, 13), date(2023, 3, 24)
OTHERS = ("premarket-retry", "amo-adjust", "sell-monitor", "position-monitor", "buy", "eod")
NIGHT = f"{LAST} 20:00"
SPAN = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())


@pytest.fixture(scope="module")
def analysed(server: Server, real_market: Path, once: Once) -> Path:
    """`hand`, where every day was analysed by hand, holidays too, and `simulated`, what `simulate --keep` left."""
    return once("evenings", lambda work: _analyse(home_with(real_market, work / "hand", server), work / "simulated"))


def _analyse(hand: Tradectl, kept: Path) -> None:
    begun = f"{FIRST} 09:00"
    assert hand("config", "set", "universe", "nifty200", at=begun).code == 0
    for task in OTHERS:
        assert hand("schedule", "disable", task, at=begun).code == 0
    for days in range((LAST - FIRST).days + 1):
        said = hand("analyze", "--json", at=f"{FIRST + timedelta(days=days)} 16:00")
        assert said.outcome in {("completed", 0), ("not_a_session", 0)}, said
    said = hand("simulate", *SPAN, "--universe", "nifty200", "--every", "60", "--keep", str(kept), "--json")
    assert said.code == 0, said.err


@pytest.mark.parametrize("name", ["signals", "decisions"])
def test_the_evenings_by_hand_are_the_simulated_ones(analysed: Path, name: str):
    by_hand, simulated = (_of_analyses(analysed / home / "ledger.db", name) for home in ("hand", "simulated"))
    assert by_hand == simulated
    assert len(by_hand) > 10


def _of_analyses(ledger: Path, name: str) -> list[Row]:
    """What a signal's order made of its status is the day's own; the number of a row is nobody's."""
    chosen = "WHERE task = 'analyze'" if name == "decisions" else ""
    found = rows(ledger, f"SELECT * FROM {name} {chosen} ORDER BY {'session_date' if chosen else 'analysed'}, instrument_id")
    return [{column: value for column, value in row.items() if column not in {"id", "status"}} for row in found]


def test_what_a_simulation_left_can_be_looked_at_and_not_traded(analysed: Path, copied: Homes):
    hand, kept = copied(analysed / "hand"), ("--db", str(analysed / "simulated" / "ledger.db"))
    by_hand, simulated = (hand("signals", *SPAN, *which, "--json", at=NIGHT).object for which in ((), kept))
    assert [item["reason"] for item in simulated["result"]] == [item["reason"] for item in by_hand["result"]]
    assert (simulated["mode"], by_hand["mode"]) == ("simulated", "paper")
    said = hand("buy", *kept, "--json", at=NIGHT)
    assert (said.outcome, "cannot trade" in said.object["error"]) == (("failed", 4), True)


def test_every_signal_is_listed_with_its_reason(analysed: Path, copied: Homes):
    hand = copied(analysed / "hand")
    listed = hand("signals", *SPAN, "--json", at=NIGHT).object["result"]
    assert len(listed) == len(hand.ledger("SELECT id FROM signals"))
    assert all(item["reason"].startswith(f"score {item['combined']:.1f}: strength ") for item in listed)
    text = hand("signals", *SPAN, at=NIGHT).out
    assert all(item["symbol"] in text for item in listed)
    said = hand("signals", *SPAN, "--session", LAST.isoformat(), "--json", at=NIGHT)
    assert said.outcome == ("failed", 2)


def test_why_explains_every_symbol_on_every_session(analysed: Path, copied: Homes):
    """All two hundred of a session, each by its own name, and one of them over all sessions."""
    hand = copied(analysed / "hand")
    decided = hand.ledger("SELECT symbol, verdict, rule, reason FROM decisions WHERE session_date = ?", "2023-03-15")
    assert len(decided) == 200
    for item in decided[::8]:
        [found] = json.loads(hand("why", item["symbol"], "--session", "2023-03-15", "--json", at=NIGHT).out)["result"]
        assert {name: found[name] for name in item} == item
        assert found["reason"]
    sessions = {item["session_date"] for item in hand("why", "ITC", "--json", at=NIGHT).object["result"]}
    assert sessions == {row["session_date"] for row in hand.ledger("SELECT DISTINCT session_date FROM decisions")}
