"""Work that is interleaved comes in the order of its moments, one piece at a time, and an error ends all of it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from tradectl.runtime.interleaving import Interleaving, Wait, Work

START = datetime(2025, 11, 3, 4, tzinfo=UTC)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def steps(done: list[tuple[str, float]], name: str, *at: float) -> Work:
    """Work that does a step at each of these minutes."""

    def work(wait: Wait) -> None:
        done.append((name, at[0]))
        for moment in at[1:]:
            wait(minute(moment))
            done.append((name, moment))

    return work


def test_overlapping_work_comes_in_order_of_time() -> None:
    done: list[tuple[str, float]] = []
    both = Interleaving()
    both.add(minute(0), steps(done, "monitor", 0, 1, 2, 3))
    both.add(minute(0.5), steps(done, "hourly", 0.5, 0.7, 2.5))
    both.run()
    assert [at for _, at in done] == [0, 0.5, 0.7, 1, 2, 2.5, 3]


def test_equal_moments_come_in_the_order_of_adding() -> None:
    done: list[tuple[str, float]] = []
    both = Interleaving()
    for name in ("first", "second"):
        both.add(minute(0), steps(done, name, 0, 1))
    both.run()
    assert [name for name, _ in done] == ["first", "second", "first", "second"]


def test_an_error_ends_the_other_work_and_is_raised() -> None:
    done: list[tuple[str, float]] = []
    left: list[str] = []

    def fails(wait: Wait) -> None:
        wait(minute(1))
        raise ValueError("no reply")

    both = Interleaving(lambda: left.append(threading.current_thread().name))
    both.add(minute(0), steps(done, "monitor", 0, 2))
    both.add(minute(0), fails)
    with pytest.raises(ValueError, match="no reply"):
        both.run()
    assert (done, len(left)) == ([("monitor", 0)], 2)
    assert not [thread for thread in threading.enumerate() if thread.name in left]
