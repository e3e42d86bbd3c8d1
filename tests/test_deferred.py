"""What is deferred is made once, when it is first asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradectl.deferred import deferred, itself


def test_nothing_is_made_before_it_is_asked_and_one_thing_then():
    made: list[Path] = []

    def make() -> Path:
        made.append(Path("/tmp/somewhere.txt"))
        return made[-1]

    path = deferred(make)
    assert made == []
    assert (path.name, path.with_suffix(".csv")) == ("somewhere.txt", Path("/tmp/somewhere.csv"))
    assert len(made) == 1


def test_the_thing_itself_is_made_once_too():
    path = deferred(lambda: Path("/tmp/somewhere.txt"))
    thing = itself(path)
    assert isinstance(thing, Path)
    assert itself(path) is thing
    assert itself(thing) is thing


def test_what_cannot_be_made_says_so_when_it_is_asked_each_time():
    def fail() -> Path:
        raise OSError("no disk")

    path = deferred(fail)
    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            path.exists()
