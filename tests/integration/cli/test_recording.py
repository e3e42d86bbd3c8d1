"""What records a session never stops a trade: a folder that cannot be written is reported once, and the orders go out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.support.live_kite_home import LiveKiteHome, demo_market, live_kite_home
from tradectl.brokers.recording.reading import read_recording

EVENING, MORNING = date(2025, 10, 28), date(2025, 10, 29)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_market(tmp_path_factory.mktemp("demo") / "home")


def evening(live: LiveKiteHome) -> str:
    """Analyse and buy; return what the commands print on stderr."""
    said = [live("analyze", at=f"{EVENING} 16:00:02"), live("buy", at=f"{EVENING} 16:05:02")]
    assert [item.code for item in said] == [0, 0], said
    return "".join(item.err for item in said)


def test_a_folder_that_cannot_be_written_stops_no_order(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_kite_home(tmp_path, market, EVENING, monkeypatch, universe="demo") as live:
        (live.home / "recordings").write_text("in the way", encoding="utf-8")
        printed = evening(live)
        assert len(live.near.orders()) == 4
        assert printed.count("the recording of this session has ended") == 1
        logged = [line["message"] for line in live("logs", "--json").object["result"] if line["action"] == "not_recorded"]
        assert len(logged) == 1
        assert "Trading goes on unchanged" in logged[0]
        found = live("replay", str(EVENING), "--json").object["result"]
        assert (found["gaps"], [run["task"] for run in found["runs"]]) == (["the session has no recording"], ["analyze", "buy"])


def test_a_full_disk_stops_no_order(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_kite_home(tmp_path, market, EVENING, monkeypatch, universe="demo") as live:
        (live.home / "recordings").mkdir()
        (live.home / "recordings" / f"{EVENING}.me.jsonl").symlink_to("/dev/full")
        assert "No space left on device" in evening(live)
        assert len(live.near.orders()) == 4


def test_an_error_of_the_encoding_stops_no_order(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with live_kite_home(tmp_path, market, EVENING, monkeypatch, universe="demo") as live:
        monkeypatch.setattr("tradectl.brokers.recording.encoding.ReplyWriter.change", broken)
        assert "RuntimeError: a bug" in evening(live)
        assert len(live.near.orders()) == 4


def test_nothing_is_recorded_where_the_setting_says_so(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_kite_home(tmp_path, market, EVENING, monkeypatch, universe="demo", recording_days="0") as live:
        evening(live)
        assert not (live.home / "recordings").exists()


def test_a_dry_run_is_not_recorded(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with live_kite_home(tmp_path, market, EVENING, monkeypatch, universe="demo") as live:
        assert live("analyze", "--dry-run", at=f"{EVENING} 16:00:02").code == 0
        assert not (live.home / "recordings").exists()


def test_a_paper_home_on_live_prices_replays_the_whole_day(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its exchange settles by the quotes that it saw, and the recording has them."""
    with live_kite_home(tmp_path, market, EVENING, monkeypatch, paper=True, universe="demo") as paper:
        assert paper("schedule", "set", "sell-monitor", "--every", "1800").code == 0
        paper.trade(EVENING, first=True)
        paper.trade(MORNING)
        recording = read_recording(paper.home / "recordings" / f"{MORNING}.me.jsonl")
        assert recording is not None
        assert {run.broker for run in recording.runs} == {"paper"}
        for day in (EVENING, MORNING):
            found = paper("replay", str(day), "--json").object["result"]
            assert (found["differences"], found["gaps"]) == ([], []), day
        assert found["compared"]["fills"] > 0
        assert {run["task"] for run in found["runs"]} >= {"sell-monitor", "position-monitor", "amo-adjust", "premarket-retry"}
