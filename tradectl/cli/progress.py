"""Show a progress bar on stderr, on a terminal only, so that logs and cron mails have no bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tradectl.control_characters import one_line
from tradectl.ports import Tell, silence


@contextmanager
def bar(title: str, *, quiet: bool = False) -> Iterator[Tell]:
    """Yield a function that moves the bar; the bar appears at its first call."""
    if quiet or not sys.stderr.isatty():
        yield silence
        return
    with ExitStack() as stack:
        shown: list[Tell] = []

        def tell(name: str, done: int, total: int) -> None:
            if not shown:
                shown.append(stack.enter_context(_drawn(title)))
            shown[0](name, done, total)

        yield tell


@contextmanager
def _drawn(title: str) -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda name, done, total: progress.update(
            task, description=one_line(f"{title} {name}").strip(), completed=done, total=total
        )
