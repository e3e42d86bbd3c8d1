"""A progress bar on stderr, on a terminal only; elsewhere silence, so that logs and cron mails stay clean."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tradectl.ports import Tell, silence


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Tell]:
    """A bar that the block's work moves by calling what it gets."""
    if quiet or not sys.stderr.isatty():
        yield silence
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)

        def tell(name: str, done: int, total: int) -> None:
            progress.update(task, description=f"{title} {name}".strip(), completed=done, total=total)

        yield tell
