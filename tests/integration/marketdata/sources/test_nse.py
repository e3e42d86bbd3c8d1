"""NSE's files and everything that is known to come in their place: each handled, nothing wrong stored."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.integration.marketdata.sources import bhavcopies
from tests.integration.marketdata.sources.conftest import HASTY, Fetch
from tests.support.http_server import unused_address
from tests.support.loopback import Reply, Site
from tradectl.errors import Interrupted, SourceUnavailable, UsageError
from tradectl.marketdata.fetch import Span, stored_sessions
from tradectl.marketdata.sources.download import Downloader
from tradectl.marketdata.sources.nse import addresses
from tradectl.marketdata.sources.request_pacer import RequestPacer
from tradectl.runtime.interrupt import stop_on_signals

MONDAY, TUESDAY, WEDNESDAY = date(2024, 10, 28), date(2024, 10, 29), date(2024, 10, 30)
HOLIDAY, EVE = date(2025, 8, 15), date(2025, 8, 14)
SINCE = Span(since=MONDAY)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], list[date]]:
    return lambda: sorted(stored_sessions(tmp_path / "market"))


def serve(nse: Site, *days: date) -> None:
    for day in days:
        nse.put(bhavcopies.usual(day), Reply(body=bhavcopies.zipped(bhavcopies.udiff(day))))


def test_every_time_has_its_address() -> None:
    assert addresses(date(2018, 6, 5)) == ("/content/historical/EQUITIES/2018/JUN/cm05JUN2018bhav.csv.zip",)
    assert addresses(date(2024, 7, 5))[0] == "/content/historical/EQUITIES/2024/JUL/cm05JUL2024bhav.csv.zip"
    assert addresses(date(2024, 7, 8)) == (
        "/content/cm/BhavCopy_NSE_CM_0_0_0_20240708_F_0000.csv.zip",
        "/products/content/sec_bhavdata_full_08072024.csv",
    )


def test_sessions_are_fetched_and_the_next_run_begins_after_them(nse: Site, fetched: Fetch, stored) -> None:
    serve(nse, MONDAY, TUESDAY, WEDNESDAY)
    first = fetched(SINCE, on=TUESDAY)
    assert (first.asked, [item.merged.new for item in first.files], first.trouble) == (2, [1, 1], "")
    nse.asked.clear()
    second = fetched(on=WEDNESDAY)
    assert (second.asked, nse.asked) == (1, [bhavcopies.usual(WEDNESDAY)])
    assert stored() == [MONDAY, TUESDAY, WEDNESDAY]
    assert fetched(on=WEDNESDAY).asked == 0


def test_the_old_form_and_the_full_one(nse: Site, fetched: Fetch, stored) -> None:
    before = date(2024, 7, 5)
    nse.put(bhavcopies.usual(before), Reply(body=bhavcopies.zipped(bhavcopies.old(before))))
    nse.put(bhavcopies.second_best(MONDAY), Reply(body=bhavcopies.full(MONDAY)))
    assert fetched(Span(before, before), on=MONDAY).files[0].kind == "bhavcopy-cm"
    assert fetched(SINCE, on=MONDAY).files[0].kind == "bhavcopy-sec-full"
    assert stored() == [before, MONDAY]


def test_an_empty_archive_wants_to_be_told_from_when(fetched: Fetch) -> None:
    with pytest.raises(UsageError, match="give the first date with --since"):
        fetched(on=MONDAY)


def test_a_session_that_is_not_over_is_not_asked_for(nse: Site, fetched: Fetch) -> None:
    serve(nse, MONDAY)
    assert fetched(SINCE, on=MONDAY, at="15:45").asked == 0
    assert nse.asked == []


def test_yesterdays_file_means_not_published(nse: Site, fetched: Fetch, stored) -> None:
    """Before the evening that is no cause for alarm; afterwards it is one."""
    serve(nse, MONDAY)
    fetched(SINCE, on=MONDAY)
    nse.put(bhavcopies.usual(TUESDAY), Reply(body=bhavcopies.zipped(bhavcopies.udiff(MONDAY))))
    early = fetched(on=TUESDAY, at="17:00")
    assert (early.trouble, early.missing[0].reason) == ("", "not published yet; NSE serves the file of 2024-10-28")
    late = fetched(on=TUESDAY)
    assert late.trouble == (
        "2024-10-29: not published; NSE serves the file of 2024-10-28; `tradectl data sessions fetch` shows by NSE's list of "
        "holidays whether the exchange was closed"
    )
    assert stored() == [MONDAY]


def test_404_means_not_published(nse: Site, fetched: Fetch, stored) -> None:
    serve(nse, MONDAY, WEDNESDAY)
    report = fetched(SINCE, on=WEDNESDAY)
    assert report.trouble.startswith("2024-10-29: not published; `tradectl data sessions fetch`")
    assert stored() == [MONDAY, WEDNESDAY]


def test_a_gap_is_repaired(nse: Site, fetched: Fetch, stored) -> None:
    serve(nse, MONDAY, WEDNESDAY)
    fetched(SINCE, on=WEDNESDAY)
    serve(nse, TUESDAY)
    assert fetched(on=WEDNESDAY).asked == 0
    assert fetched(Span(repair=True), on=WEDNESDAY).asked == 1
    assert stored() == [MONDAY, TUESDAY, WEDNESDAY]


DAMAGED = {
    "an XLSX": (bhavcopies.zipped(b"<xml/>", "[Content_Types].xml"), "is an Excel workbook, not CSV"),
    "a web page": (b"<html>we are sorry</html>", "is a web page"),
    "half a zip, whole by its length": (bhavcopies.zipped(bhavcopies.udiff(MONDAY))[:150], "damaged zip"),
    "a zip whose sum is wrong": (bhavcopies.with_wrong_sum(bhavcopies.zipped(bhavcopies.udiff(MONDAY))), "damaged zip"),
    "an empty body": (b"", "is empty"),
    "another table": (b"Symbol,Company Name,Industry,Series,ISIN Code\nACME,Acme,X,EQ,INE000000001\n", "is not a bhavcopy"),
    "prices that cannot be": (bhavcopies.zipped(bhavcopies.udiff(MONDAY, "500.00")), "open or close is not between low and high"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_no_bhavcopy_is_told_and_not_stored(nse: Site, fetched: Fetch, stored, what: str) -> None:
    body, complaint = DAMAGED[what]
    nse.put(bhavcopies.usual(MONDAY), Reply(body=body))
    serve(nse, TUESDAY)
    report = fetched(SINCE, on=TUESDAY)
    assert report.trouble.startswith("2024-10-28: ")
    assert complaint in report.trouble
    assert stored() == [TUESDAY]


def test_the_full_file_stands_in_for_a_damaged_one(nse: Site, fetched: Fetch, stored) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(body=b"<html>no</html>"))
    nse.put(bhavcopies.second_best(MONDAY), Reply(body=bhavcopies.full(MONDAY)))
    assert fetched(SINCE, on=MONDAY).trouble == ""
    assert stored() == [MONDAY]


def test_nse_opens_for_a_browser_with_the_home_pages_cookies(nse: Site, fetched: Fetch, stored) -> None:
    nse.locked = True
    serve(nse, MONDAY, TUESDAY)
    fetched(SINCE, on=TUESDAY)
    assert stored() == [MONDAY, TUESDAY]
    assert nse.asked == [bhavcopies.usual(MONDAY), "/", bhavcopies.usual(MONDAY), bhavcopies.usual(TUESDAY)]


def test_a_door_that_stays_shut_ends_the_fetch(nse: Site, fetched: Fetch, stored) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(403))
    with pytest.raises(SourceUnavailable, match=r"^NSE replied 403 Forbidden, even with the cookies of http://127"):
        fetched(SINCE, on=TUESDAY)
    assert len(nse.asked) == 3
    assert stored() == []


def test_half_a_file_is_asked_for_again(nse: Site, fetched: Fetch, stored) -> None:
    whole = bhavcopies.zipped(bhavcopies.udiff(MONDAY))
    nse.put(bhavcopies.usual(MONDAY), Reply(body=whole, sent=100), Reply(body=whole))
    fetched(SINCE, on=MONDAY)
    assert (stored(), len(nse.asked)) == ([MONDAY], 2)


def test_half_a_file_for_ever_ends_the_fetch(nse: Site, fetched: Fetch, stored) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(body=bhavcopies.zipped(bhavcopies.udiff(MONDAY)), sent=100))
    with pytest.raises(SourceUnavailable, match=r"NSE cannot be reached|NSE ended the transfer"):
        fetched(SINCE, on=MONDAY)
    assert (stored(), len(nse.asked)) == ([], 3)


def test_a_body_that_drips_is_given_up(nse: Site, fetched: Fetch, stored) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(body=bhavcopies.zipped(bhavcopies.udiff(MONDAY)), pause=0.05))
    with pytest.raises(SourceUnavailable, match=r"^NSE sends BhavCopy.* too slowly: "):
        fetched(SINCE, on=MONDAY, limits=replace(HASTY, attempts=1, whole=0.3))
    assert stored() == []


def test_a_body_larger_than_any_bhavcopy_is_not_read_to_its_end(nse: Site, fetched: Fetch) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(body=b"x" * 300_000))
    report = fetched(SINCE, on=MONDAY, limits=replace(HASTY, most_bytes=100_000))
    assert report.trouble.endswith("is larger than 100000 bytes")


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_what_may_pass_is_tried_again(nse: Site, fetched: Fetch, stored, status: int) -> None:
    whole = Reply(body=bhavcopies.zipped(bhavcopies.udiff(MONDAY)))
    nse.put(bhavcopies.usual(MONDAY), Reply(status), Reply(status, headers=(("Retry-After", "0"),)), whole)
    fetched(SINCE, on=MONDAY)
    assert (stored(), len(nse.asked)) == ([MONDAY], 3)


def test_a_server_that_wants_an_hour_is_left_alone(nse: Site, fetched: Fetch) -> None:
    nse.put(bhavcopies.usual(MONDAY), Reply(429, headers=(("Retry-After", "3600"),)))
    with pytest.raises(SourceUnavailable, match=r"^NSE replied 429 Too Many Requests: try again in 3600 s$"):
        fetched(SINCE, on=MONDAY)
    assert len(nse.asked) == 1


def test_retry_after_is_how_long_is_waited(nse: Site) -> None:
    waits: list[float] = []

    class Noting(RequestPacer):
        def pause(self, seconds: float) -> None:
            waits.append(seconds)

    nse.put("/x", Reply(429, headers=(("Retry-After", "4"),)), Reply(503), Reply(body=b"yes"))
    assert Downloader("NSE", nse.url, Noting(HASTY)).get(f"{nse.url}/x") == b"yes"
    assert [wait for wait in waits if wait > 0.001] == [4.0, 0.02]


def test_requests_keep_their_distance(nse: Site) -> None:
    waits: list[float] = []

    class Noting(RequestPacer):
        def pause(self, seconds: float) -> None:
            waits.append(seconds)

    nse.put("/x", Reply(body=b"yes"))
    downloader = Downloader("NSE", nse.url, Noting(replace(HASTY, rate=0.01)))
    downloader.get(f"{nse.url}/x")
    downloader.get(f"{nse.url}/x")
    assert waits[0] <= 0
    assert 90 < waits[1] <= 100


def test_nobody_at_the_address(nse: Site) -> None:
    away = unused_address()
    with pytest.raises(SourceUnavailable, match=r"^NSE cannot be reached \(ConnectionError\)$") as caught:
        Downloader("NSE", away, RequestPacer(HASTY)).get(f"{away}/x")
    assert (caught.value.exit_code, caught.value.retryable) == (6, True)


def test_after_an_unreachable_site_each_file_has_one_attempt(nse: Site) -> None:
    waits: list[float] = []

    class Noting(RequestPacer):
        def pause(self, seconds: float) -> None:
            waits.append(seconds)

    nse.put("/x", Reply(body=b"yes"))
    nse.put("/busy", Reply(503))
    away, downloader = unused_address(), Downloader("NSE", nse.url, Noting(HASTY))
    counts = []
    for url in (f"{away}/a", f"{away}/b", f"{nse.url}/x", f"{nse.url}/busy", f"{nse.url}/busy", f"{away}/c"):
        waits.clear()
        with suppress(SourceUnavailable):
            downloader.get(url)
        counts.append(len([wait for wait in waits if wait > 0.005]))  # the waits before a retry
    assert counts == [2, 0, 0, 2, 2, 2]


def test_a_signal_ends_it_between_sessions_and_it_resumes(nse: Site, fetched: Fetch, stored) -> None:
    serve(nse, MONDAY, TUESDAY, WEDNESDAY)
    looks = iter([False] * 6 + [True])

    with stop_on_signals() as stop:

        def look() -> None:
            if next(looks, False):
                os.kill(os.getpid(), signal.SIGINT)
            stop.raise_if_requested()

        with pytest.raises(Interrupted) as caught:
            fetched(SINCE, on=WEDNESDAY, look=look)
    assert caught.value.exit_code == 130
    before = stored()
    assert 0 < len(before) < 3
    nse.asked.clear()
    fetched(on=WEDNESDAY)
    assert len(nse.asked) == 3 - len(before)
    assert stored() == [MONDAY, TUESDAY, WEDNESDAY]


def test_a_stored_session_is_replaced_only_when_asked(nse: Site, fetched: Fetch, tmp_path: Path) -> None:
    serve(nse, MONDAY)
    fetched(SINCE, on=MONDAY)
    nse.put(bhavcopies.usual(MONDAY), Reply(body=bhavcopies.zipped(bhavcopies.udiff(MONDAY, "104.00"))))
    again = Span(since=MONDAY, again=True)
    assert "is stored with close Rs 105.50, not Rs 104.00" in fetched(again, on=MONDAY).trouble
    assert fetched(again, on=MONDAY, replace=True).files[0].merged.replaced == 1


@pytest.mark.slow
def test_real_files_of_every_form(nse: Site, fetched: Fetch, stored, shared_data: Path) -> None:
    forms = {
        date(2018, 6, 5): ("old/cm05JUN2018bhav.csv.gz", bhavcopies.usual),
        date(2021, 5, 27): ("old/cm27MAY2021bhav.csv.gz", bhavcopies.usual),
        date(2024, 7, 8): ("udiff/BhavCopy_NSE_CM_0_0_0_20240708_F_0000.csv.gz", bhavcopies.usual),
        MONDAY: ("udiff/BhavCopy_NSE_CM_0_0_0_20241028_F_0000.csv.gz", bhavcopies.usual),
        date(2025, 8, 25): ("sec_full/sec_bhavdata_full_25082025.csv.gz", bhavcopies.second_best),
    }
    for day, (name, where) in forms.items():
        content = gzip.decompress((shared_data / "bhavcopy" / name).read_bytes())
        nse.put(where(day), Reply(body=bhavcopies.zipped(content) if where is bhavcopies.usual else content))
        assert fetched(Span(day, day), on=day).trouble == ""
    assert stored() == sorted(forms)


def test_the_real_holiday_that_holds_the_day_before(nse: Site, fetched: Fetch, stored, shared_data: Path) -> None:
    """The table knows the holiday and does not ask; where it does not know it, the answer is seen through."""
    content = gzip.decompress((shared_data / "bhavcopy" / "traps" / "sec_bhavdata_full_15082025.csv.gz").read_bytes())
    nse.put(bhavcopies.second_best(HOLIDAY), Reply(body=content))
    assert fetched(Span(HOLIDAY, HOLIDAY), on=HOLIDAY).asked == 0
    nse.put(bhavcopies.second_best(EVE), Reply(body=content))
    assert fetched(Span(EVE, EVE), on=HOLIDAY).trouble == ""
    day = date(2025, 8, 18)
    nse.put(bhavcopies.second_best(day), Reply(body=content))
    assert "NSE serves the file of 2025-08-14" in fetched(on=day).trouble
    assert stored() == [EVE]
