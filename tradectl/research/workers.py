"""Who does the work: this process, processes on this machine, or the workers of a Dask cluster. The results are the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tradectl.errors import BrokerUnavailable, UsageError
from tradectl.research.work import Work, do

Done = Iterator[tuple[Work, list[bytes]]]
PATIENCE = 20
"""Seconds to wait for a scheduler."""


def here(works: Sequence[Work], jobs: int) -> Done:
    """Each piece of work as it is done, by so many processes of this machine; with one, by this process itself."""
    jobs = min(jobs, len(works))
    if jobs <= 1:
        yield from ((work, do(work)) for work in works)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_serve)
    try:
        futures = {pool.submit(do, work): work for work in works}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def on_dask(works: Sequence[Work], address: str) -> Done:
    """Each piece of work as it is done by an existing cluster, whose workers see the same market under the same path.

    Raises UsageError without Dask, BrokerUnavailable where no scheduler answers.
    """
    try:
        from distributed import Client
        from distributed import as_completed as completed
    except ImportError as error:
        raise UsageError("--dask needs the extra `dask`: pip install 'tradectl[dask]'") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise BrokerUnavailable(f"no Dask scheduler answers at {address}") from error
    with client:
        futures = {client.submit(do, work, pure=False): work for work in works}
        for future, result in completed(list(futures), with_results=True):
            yield futures[future], result


def _serve() -> None:
    """A worker leaves interrupts to the process that started it, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
