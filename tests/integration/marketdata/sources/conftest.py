"""An NSE and a Yahoo that live on the loopback, and short limits for requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from pathlib import Path

import pytest

from tests.support.loopback import Reply, Site, site
from tradectl.exchange.sessions import SessionTable
from tradectl.marketdata.fetch import FetchReport, Span, fetch, stored_sessions, wanted
from tradectl.marketdata.sources.download import Downloader
from tradectl.marketdata.sources.nse import NseFiles
from tradectl.marketdata.sources.request_pacer import Look, RequestLimits, RequestPacer
from tradectl.marketdata.sources.yahoo import Yahoo
from tradectl.model.moment import at_ist

HASTY = RequestLimits(rate=10_000, attempts=3, first_wait=0.01, longest_wait=5, connect=2, read=1, whole=1)


@pytest.fixture
def nse() -> Iterator[Site]:
    with site() as opened:
        yield opened


Fetch = Callable[..., FetchReport]


@pytest.fixture
def fetched(nse: Site, tmp_path: Path, sessions: SessionTable) -> Fetch:
    """Fetch from the loopback NSE into `tmp_path / "market"` as at an Indian evening."""

    def call(
        span: Span | None = None,
        *,
        on: date,
        at: str = "20:00",
        limits: RequestLimits = HASTY,
        look: Look = lambda: None,
        replace: bool = False,
    ) -> FetchReport:
        now: datetime = at_ist(on, time.fromisoformat(at))
        folder = tmp_path / "market"
        source = NseFiles(nse.url, Downloader("NSE", nse.url, RequestPacer(limits, look)), lambda: now)
        days = wanted(span or Span(), stored_sessions(folder), sessions, now)
        return fetch(source, days, folder, sessions, at=now, look=look, replace=replace)

    return call


@pytest.fixture
def yahoo_site() -> Iterator[Site]:
    with site() as opened:
        opened.otherwise = Reply(200, b"crumb")
        yield opened


@pytest.fixture
def yahoo(yahoo_site: Site, tmp_path: Path) -> Yahoo:
    """The client, with a real connection to the loopback."""
    return Yahoo(yahoo_site.url, tmp_path / "yahoo", RequestPacer(HASTY))
