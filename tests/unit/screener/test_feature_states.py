"""A state in memory, requested in any order, equals the state from the first bar and the features of each history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.screener.test_state import SHORT, markets
from tradectl.model.history import History
from tradectl.model.market import CorporateAction
from tradectl.model.panel import Panel, stacked
from tradectl.ports import silence
from tradectl.screener.feature_states import FeatureStates
from tradectl.screener.readings import Readings
from tradectl.screener.state import FeatureState
from tradectl.strategy.features import features


class Stored:
    """A market of constant histories."""

    def __init__(self, histories: Sequence[History]) -> None:
        self._histories = {history.instrument_id: history for history in histories}
        self._panel = stacked(histories)

    def panel(self) -> Panel:
        return self._panel

    def edition(self) -> str:
        return "made in memory"

    def history(self, instrument_id: str) -> History | None:
        return self._histories.get(instrument_id)

    def actions(self, _instrument_id: str, _after: date, _through: date) -> tuple[CorporateAction, ...]:
        return ()


def same(one: FeatureState, other: FeatureState) -> bool:
    arrays = all(one.arrays[name].tobytes() == other.arrays[name].tobytes() for name in other.arrays)
    return arrays and (one.session, one.instruments) == (other.session, other.instruments)


@settings(max_examples=40, deadline=None)
@given(markets(), st.lists(st.integers(0, 44), min_size=1, max_size=25))
def test_who_goes_back_in_time_finds_what_a_new_scan_finds(made: list[History], asked: list[int]) -> None:
    market = Stored(made)
    days = [date.fromordinal(int(session)) for session in market.panel().sessions]
    shared = FeatureStates(market, SHORT)  # type: ignore[arg-type]
    for number in asked:
        day = days[number % len(days)]
        assert same(shared.through(day, silence), FeatureStates(market, SHORT).through(day, silence))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(markets(), st.integers(1, 44), st.booleans())
def test_one_more_bar_of_a_scan_is_one_more_of_its_history(made: list[History], number: int, at_hand: bool) -> None:
    market = Stored(made)
    readings = Readings(market, SHORT)  # type: ignore[arg-type]
    for history in made:
        index = number % len(history)
        session = history.session(index)
        bar = history.bar(index)
        changed = type(bar)(bar.session, bar.open, bar.high + 7, max(1, bar.low - 3), bar.close, bar.volume + 1, bar.series)
        if at_hand:
            readings.states.through(date.fromordinal(session.toordinal() - 1), silence)
        found = readings.reading_with(history.instrument_id, changed, 1.25)
        assert found is not None
        longer = history.through(date.fromordinal(session.toordinal() - 1)).with_bar(changed, 1.25)
        expected = features(longer, SHORT)
        assert repr(found[1]) == repr(expected.reading(longer, len(longer) - 1))
        ours = readings.features_of(found[0])
        assert all(getattr(ours, name).tobytes() == getattr(expected, name).tobytes() for name in expected.__dataclass_fields__)
