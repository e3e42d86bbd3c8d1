"""The page in a real browser: it reports no error, leaves this machine for nothing, is accessible, fits, and stays current."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.dashboard.conftest import TOKEN, LedgerHome, Serving
from tests.support.browsing import BEYOND, BLANK, CUT, DARK, DESK, PHONE, SPLIT, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

PAGES = ("", "positions", "orders", "reports", "log", "charts")
REFUSED = "Failed to load resource: the server responded with a status of 403 (Forbidden)"
Open = Callable[..., "Page"]


def look_often(route: Route) -> None:
    """Let a page of the server look for changes twice a second."""
    if route.request.resource_type != "document":
        route.continue_()
        return
    reply = route.fetch()
    text, found = re.subn(r'data-every="\d+"', 'data-every="0.5"', reply.text())
    assert found == 1
    route.fulfill(response=reply, body=text)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Open pages of a server; the test ends with no request elsewhere, and nothing unexpected on the console."""
    troubles: list[str] = []
    contexts: list[BrowserContext] = []

    def show(server: Serving, path: str, look: dict[str, Any], *, expected: str = "", hurried: bool = False) -> Page:
        contexts.append(browser.new_context(**look))
        tab = contexts[-1].new_page()
        if hurried:
            tab.route(lambda url: "/live/" not in url and "/assets/" not in url, look_often)
        tab.on("console", lambda message: troubles.append(message.text) if message.text != expected else None)
        tab.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        tab.on(
            "request", lambda request: troubles.append(request.url) if not request.url.startswith((server.url, "data:")) else None
        )
        tab.goto(f"{server.url}/{path}")
        return tab

    yield show
    for context in contexts:
        context.close()
    assert troubles == []


def read(tab: Page, server: Serving, path: str) -> None:
    """Go to another page, and wait until its charts are drawn."""
    tab.goto(f"{server.url}/{path}")
    tab.wait_for_selector("html[data-ready=yes]")


@pytest.fixture(scope="module", autouse=True)
def held(ledger_home: LedgerHome) -> str:
    """The symbol of a position without a sell order."""
    return ledger_home.hold()


@pytest.mark.parametrize(
    ("look", "paths"),
    [
        pytest.param(PHONE, PAGES, id="phone"),
        pytest.param(DESK, ("", "charts"), id="desk", marks=pytest.mark.slow),
        pytest.param(DARK, ("", "charts"), id="dark"),
    ],
)
def test_each_page_fits_and_is_accessible(
    opened: Open, page: Serving, held: str, look: dict[str, Any], paths: tuple[str, ...]
) -> None:
    tab = opened(page, "", look)
    for path in paths:
        read(tab, page, path)
        assert tab.title().startswith("(1!)")
        assert tab.inner_text("main").strip().startswith(("Look at this first\nUNPROTECTED", "UNPROTECTED"))
        assert tab.locator("nav a[aria-current=page]").count() == 1
        assert (path, tab.evaluate(BEYOND)) == (path, [])
        assert (path, tab.evaluate(CUT)) == (path, [])
        assert (path, tab.evaluate(SPLIT)) == (path, [])
        assert (path, violations(tab)) == (path, [])
    assert path != "charts" or tab.locator("#equity canvas, #inline .chart canvas").count() > 2
    assert path != "charts" or tab.inner_text("#inline h3") == f"{held} held"
    assert tab.evaluate(BLANK) == 0


def test_a_new_order_and_a_finding_appear_by_themselves(opened: Open, page: Serving, ledger_home: LedgerHome) -> None:
    tab = opened(page, "orders", DESK, hurried=True)
    tab.wait_for_selector("html[data-ready=yes]")
    tab.evaluate("window.mark = 'the same page'")
    assert tab.locator("text=NEWCOMER").count() == 0
    ledger_home.place_order("NEWCOMER", status="UNKNOWN", previous="PENDING", reason="the reply was lost <b>")
    tab.wait_for_selector("#alerts li:has-text('UNKNOWN BUY 10 NEWCOMER')", timeout=15_000)
    assert "UNKNOWN" in tab.locator("tr", has=tab.locator("th", has_text="NEWCOMER")).inner_text()
    assert "the reply was lost <b>" in tab.inner_text("#alerts")
    assert tab.title().startswith("(")
    assert tab.evaluate("window.mark") == "the same page"
    read(tab, page, "log")
    tab.focus("#alerts a")
    count = int(re.search(r"(\d+) finding", tab.inner_text("#alerts"))[1])  # type: ignore[index]
    ledger_home.place_order("SECOND", status="UNKNOWN", previous="PENDING", reason="too")
    tab.wait_for_selector(f"#alerts:has-text('{count + 1} findings')", timeout=15_000)
    assert tab.evaluate("document.activeElement.textContent") == "Look at this first"


def test_a_page_that_is_not_current_says_so(opened: Open, page: Serving) -> None:
    tab = opened(page, "", DESK, expected="Failed to load resource: net::ERR_INTERNET_DISCONNECTED", hurried=True)
    tab.wait_for_selector("html[data-ready=yes]")
    tab.context.set_offline(True)
    tab.wait_for_selector("#stale:has-text('Not current')", timeout=15_000)
    assert violations(tab) == []
    tab.context.set_offline(False)
    tab.wait_for_selector("#stale", state="hidden", timeout=15_000)


def test_the_token_is_typed_once(opened: Open, closed_page: Serving) -> None:
    tab = opened(closed_page, "orders", PHONE, expected=REFUSED)
    assert violations(tab) == []
    tab.fill("input[name=token]", "wrong")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("text=This token is wrong.")
    tab.fill("input[name=token]", TOKEN)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("nav")
    assert tab.url == f"{closed_page.url}/"
    (cookie,) = tab.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert tab.evaluate("document.cookie") == ""
    tab.click("nav >> text=Reports")
    tab.fill("input[name=month]", "2019-02")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("html[data-ready=yes] #trades-section")
    tab.reload()
    tab.wait_for_selector("html[data-ready=yes] #trades-section")
    assert tab.evaluate("window.origin") == "null"
    tab.go_back()
    tab.wait_for_selector("nav")


def test_the_menu_works_by_keyboard(opened: Open, page: Serving) -> None:
    tab = opened(page, "", DESK)
    tab.wait_for_selector("html[data-ready=yes]")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    for _ in range(3):
        tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"{page.url}/orders")
    tab.wait_for_selector("html[data-ready=yes][data-theme=dark]")
