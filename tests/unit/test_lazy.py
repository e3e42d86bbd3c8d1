"""A lazy object is made once, at its first use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradectl.lazy import lazy, resolved


def test_an_object_is_made_once_at_its_first_use():
    made: list[Path] = []

    def make() -> Path:
        made.append(Path("/tmp/somewhere.txt"))
        return made[-1]

    path = lazy(make)
    assert made == []
    assert (path.name, path.with_suffix(".csv")) == ("somewhere.txt", Path("/tmp/somewhere.csv"))
    assert len(made) == 1


def test_resolving_makes_the_object_once():
    path = lazy(lambda: Path("/tmp/somewhere.txt"))
    thing = resolved(path)
    assert isinstance(thing, Path)
    assert resolved(path) is thing
    assert resolved(thing) is thing


def test_an_error_of_make_is_raised_at_each_access():
    def fail() -> Path:
        raise OSError("no disk")

    path = lazy(fail)
    for _ in range(2):
        with pytest.raises(OSError, match="no disk"):
            path.exists()
