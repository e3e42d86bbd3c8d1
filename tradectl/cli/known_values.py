"""Refuse an unknown value of a filter: an empty result must not come from a typing error. The exit code is 2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tradectl.errors import DataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tradectl.world import World


def check_task(name: str) -> None:
    """Raise UsageError for a name that is no task; an empty one is allowed."""
    from tradectl.runtime.registry import all_tasks

    check_word("task", name, [task.name for task in all_tasks()])


def check_word(kind: str, word: str, known: Iterable[str]) -> None:
    """Raise UsageError if a word is not empty and not one of the known ones."""
    listed = list(known)
    if word and word not in listed:
        raise UsageError(f"no {kind} is called {word!r}; there are {', '.join(listed)}")


def check_file(path: Path, *, folder: bool = False) -> None:
    """Raise UsageError for a path that is no file; with `folder` it may be one."""
    try:
        there, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if not there:
        raise UsageError(f"there is no file {path}")
    if is_folder and not folder:
        raise UsageError(f"{path} is a folder: name a file")


def check_symbol(world: World, symbol: str) -> None:
    """Raise UsageError for a symbol that the market data does not know; without market data no symbol is checked."""
    from tradectl.model.moment import ist_date

    try:
        world.market.find(symbol, ist_date(world.clock.now()))
    except DataError:
        return
