"""Listen for browsers until a signal."""

from __future__ import annotations

import gc
import logging
import os
import socket
from typing import TYPE_CHECKING

import anyio.to_thread
import uvicorn

from tradectl.runtime.interrupt import Stop, stop_on_signals

if TYPE_CHECKING:
    from types import FrameType

    from starlette.types import ASGIApp, Receive, Scope, Send

READERS = 4
"""How many requests are read from the ledger at the same time."""
MOST_CONNECTIONS = 64
LONGEST_HEADERS = 16_384
"""Bytes of the longest head of a request."""
GRACE = 3
"""Seconds that running requests may take after the first signal."""
LOWER_PRIORITY = 10
"""Added to the niceness of the process: where the processor is busy, the tasks come first."""


def listen(app: ASGIApp, listening: socket.socket) -> tuple[int, int]:
    """Reply to requests until SIGINT, SIGTERM or SIGHUP. Return the number of requests and the number of the signal."""
    logging.getLogger("uvicorn.error").disabled = True  # it would print tracebacks; the application reports its errors
    gc.freeze()
    os.nice(LOWER_PRIORITY)
    config = uvicorn.Config(
        _with_few_threads(app),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=LONGEST_HEADERS,
    )
    server = uvicorn.Server(config)
    with stop_on_signals(_StopServer(server)) as stop:
        server.run([listening])
    return server.server_state.total_requests, stop.signal_number


class _StopServer(Stop):
    """Ends the server at the first signal. The server handles SIGINT and SIGTERM itself, and raises them again at its end."""

    def __init__(self, server: uvicorn.Server) -> None:
        super().__init__()
        self.server = server

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        super().handle(number, frame)
        self.server.should_exit = True


def _with_few_threads(app: ASGIApp) -> ASGIApp:
    """Return the application with at most READERS threads, each of which opens the ledger."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        await app(scope, receive, send)

    return limited
