"""What the page refuses, on sockets: another name, another method, another web site, a wrong token, a path out of its folder."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.dashboard.conftest import TOKEN, LedgerHome, Serving
from tests.support.report_content import content
from tradectl.ledger.opening import open_database
from tradectl.report_page.page import render

PAGES = ("/", "/positions", "/orders", "/charts", "/reports", "/log")
REPORT = "me-2019-01-01.html"
FOREIGN_REPORT = "me-2019-01-02.html"
TEXT_REPORT = "me-2019-01-01-to-2019-03-31.csv"
NO_REPORTS = (
    "keys.json",
    "salary.html",
    "trades.csv",
    "asha-2019-01-01.html",
    "me-2019-01-01-passwords.html",
    "me-2019-01-01.html.md",
    "me-2019-01-01-to-2019.html",
    "not-me-2019-01-01.html",
)
"""Files of a folder such as ~/Documents that a report's name resembles, or not."""
FOREIGN = "<script>alert(1)</script><style>p{}</style>"


@pytest.fixture(scope="module")
def reports(ledger_home: LedgerHome) -> Path:
    """A folder of reports with what must be shown, and what must not."""
    folder = ledger_home.folder / "reports"
    folder.mkdir()
    (folder / REPORT).write_text(render(content(3, 1)), encoding="utf-8")
    (folder / FOREIGN_REPORT).write_text(FOREIGN, encoding="utf-8")
    (folder / TEXT_REPORT).write_text("symbol\n<b>\n", encoding="utf-8")
    for name in (*NO_REPORTS, ".me-2019-01-01.html", "me-2019-01-01.db"):
        (folder / name).write_text("market", encoding="utf-8")
    (folder / "me-2019-01-03.html").mkdir()
    (folder / "me-2019-01-04.html").symlink_to(ledger_home.folder / "tradectl.toml")
    return folder


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_headers_that_restrict_a_browser(page: Serving, path: str) -> None:
    reply = page.get(path)
    assert reply.status == 200
    headers = reply.headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not {"unsafe", "http:", "https:", "*"} & set(policy.replace("'", " ").replace("-", " ").split())
    assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HALT"])
@pytest.mark.parametrize("path", ["/", "/orders", "/nowhere"])
def test_no_method_but_get_and_head_is_allowed(page: Serving, method: str, path: str) -> None:
    reply = page.get(path, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


def test_head_has_the_headers_alone(page: Serving) -> None:
    reply = page.get("/orders", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 1000


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{}", "@:{}"]
)
def test_another_host_is_refused(page: Serving, host: str) -> None:
    assert page.get("/", host=host.format(page.port)).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "[::1]:{}"])
def test_a_name_of_this_machine_is_allowed(page: Serving, host: str) -> None:
    assert page.get("/", host=host.format(page.port)).status == 200


def test_a_part_of_another_web_site_is_refused(page: Serving) -> None:
    for site in ("cross-site", "same-site"):
        for kind in ("image", "script", "empty", "iframe"):
            assert page.get("/", f"Sec-Fetch-Site: {site}", f"Sec-Fetch-Dest: {kind}").status == 403
        assert page.get("/", f"Sec-Fetch-Site: {site}", "Sec-Fetch-Dest: document").status == 200


def test_a_proxy_needs_the_token(page: Serving, closed_page: Serving) -> None:
    for header in ("X-Forwarded-For: 100.64.0.7", "X-Forwarded-Host: pi.tail1234.ts.net", "Forwarded: for=100.64.0.7"):
        assert page.get("/", header).status == 403
        assert closed_page.get("/", header, f"Authorization: Bearer {TOKEN}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/reports/file/../tradectl.toml",
        "/reports/file/%2e%2e/tradectl.toml",
        "/reports/file/%2e%2e%2ftradectl.toml",
        "/reports/file/..%5ctradectl.toml",
        "/reports/file//etc/passwd",
        "/reports/file/%2fetc%2fpasswd",
        "/reports/file/me-2019-01-04.html",
        "/reports/file/me-2019-01-03.html",
        "/reports/file/.me-2019-01-01.html",
        "/reports/file/me-2019-01-01.db",
        *(f"/reports/file/{name}" for name in NO_REPORTS),
        f"/reports/file/{REPORT}%00",
        "/reports/file/%00",
        f"/reports/file/%c0%ae%c0%ae/{REPORT}",
        "/assets/../page.html",
        "/assets/%2e%2e%2fguard.py",
        "/assets/live.js%00",
        "/live/%2e%2e",
        "/../tradectl.toml",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/tradectl.toml",
        "/docs",
        "/openapi.json",
    ],
)
def test_a_path_out_of_the_folder_is_not_found(page: Serving, reports: Path, path: str) -> None:
    reply = page.get(path)
    assert reply.status == 404
    assert b"market" not in reply.body


def test_a_report_runs_only_its_own_scripts(page: Serving, reports: Path) -> None:
    own = page.get(f"/reports/file/{REPORT}")
    assert (own.status, own.body) == (200, (reports / REPORT).read_bytes())
    policy = own.headers["content-security-policy"]
    assert policy.count("'sha256-") == 3
    assert policy.endswith("frame-ancestors 'none'; sandbox allow-scripts allow-popups")
    foreign = page.get(f"/reports/file/{FOREIGN_REPORT}").headers["content-security-policy"]
    assert foreign == "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
    assert page.get(f"/reports/file/{TEXT_REPORT}").headers["content-type"] == "text/plain; charset=utf-8"
    listed = page.get("/reports").body.decode()
    assert [name in listed for name in (REPORT, FOREIGN_REPORT, TEXT_REPORT)] == [True] * 3
    hidden = ("me-2019-01-03", "me-2019-01-04", ".me-", "me-2019-01-01.db", *NO_REPORTS)
    assert [name for name in hidden if name in listed] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("session=2019-13-01", 400),
        ("month=2019", 400),
        ("year=%00", 400),
        ("session=2019-01-01&month=2019-01", 400),
        ("session=%3Cscript%3E", 400),
        ("month=2019-02", 200),
        ("", 200),
    ],
)
def test_a_report_of_a_period_is_made_on_request(page: Serving, query: str, status: int) -> None:
    reply = page.get(f"/reports/period?{query}")
    assert reply.status == status
    assert b"<script>" not in reply.body or status == 200


def test_secrets_and_active_text_are_not_shown(page: Serving, ledger_home: LedgerHome) -> None:
    ledger_home.note_line("login with api_key=abcdef99 at https://me:hunter22@broker.test/ \x1b[31m<img src=x onerror=alert(1)>")
    for path in ("/log?search=login", "/live/log?search=onerror&level=info"):
        body = page.get(path).body.decode()
        assert "&lt;img src=x" in body
        assert "\\x1b[31m" in body
        assert not [text for text in ("abcdef99", "hunter22", "\x1b", "<img") if text in body]
    assert page.get("/log?search=%00%1b&level=nosuch").status == 200
    assert b'value="&lt;b&gt;&#34;"' in page.get("/log?search=%3Cb%3E%22").body


@pytest.mark.parametrize("path", [*PAGES, "/live/today", "/reports/period", "/nowhere"])
def test_without_the_token_nothing_is_shown(closed_page: Serving, path: str) -> None:
    for headers in (
        [],
        ["Authorization: Bearer wrong"],
        [f"Cookie: tradectl-{closed_page.port}=wrong"],
        [f"Cookie: other={TOKEN}"],
    ):
        reply = closed_page.get(path, *headers)
        assert reply.status == 403
        assert b"Token" in reply.body
        assert b"Positions" not in reply.body
    assert closed_page.get(f"{path}?token=wrong-{TOKEN}").status == 403


def test_the_token_goes_into_a_cookie_once(closed_page: Serving) -> None:
    reply = closed_page.get(f"/?token={TOKEN}")
    assert (reply.status, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    name, _, value = cookie.split(";")[0].partition("=")
    assert closed_page.get("/orders", f"Cookie: {name}={value}").status == 200
    assert closed_page.get("/orders", f"Authorization: Bearer {TOKEN}").status == 200
    assert closed_page.get("/", f"Authorization: Bearer {TOKEN}", host="evil.example").status == 403
    assert TOKEN not in closed_page.note
    assert TOKEN.encode() not in closed_page.get("/", f"Authorization: Bearer {TOKEN}").body


def test_a_reader_waits_for_no_writer_and_writes_nothing(page: Serving, ledger_home: LedgerHome) -> None:
    file = ledger_home.folder / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        before = list(connection.iterdump())
    with closing(open_database(file, journal=False)) as database, database.write():
        assert [page.get(path).status for path in PAGES] == [200] * len(PAGES)
    with closing(sqlite3.connect(file)) as connection:
        assert list(connection.iterdump()) == before
