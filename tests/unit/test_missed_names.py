"""How missed slots are named after a short and after a long absence."""

from __future__ import annotations

from tradectl.runtime.missed_slots import MOST_NAMED, shortened


def names(count: int) -> list[str]:
    return [f"position-monitor {number % 24:02}:30 of 2026-{1 + number // 200:02}-05" for number in range(count)]


def test_a_few_missed_slots_are_all_named() -> None:
    few = names(MOST_NAMED)
    slots = " ".join(name.split()[1] for name in few)
    assert shortened(few) == f"position-monitor {slots} of 2026-01-05"
    other = ["eod of 2026-01-05", "eod of 2026-01-06"]
    assert shortened([few[0], *other, few[1]]) == "position-monitor 00:30 01:30 of 2026-01-05, " + ", ".join(other)


def test_an_absence_of_months_is_one_line() -> None:
    found = names(1700)
    text = shortened(found)
    assert text.startswith("1700 slots from 2026-01-05 to 2026-09-05; the last: ")
    assert text.endswith(", ".join(found[-3:]))
    assert len(text) < 250
