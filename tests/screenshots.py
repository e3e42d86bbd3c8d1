"""Make the pictures of the manual from a report: `python -m tests.screenshots REPORT.html docs/images NAME [LOOK ...]`.

It needs playwright and a Chromium (Debian: apt-get install chromium). Each picture is one screen: the top of the page, the
equity, one trade in the dark, and the page on a phone. The address of `tradectl serve` in the place of the report gives the
pictures of its pages: today, the charts in the dark, and today on a phone.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK: dict[str, Any] = {"viewport": {"width": 1100, "height": 780}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


Picture = tuple[str, str, dict[str, Any], Callable[["Page"], None]]
"""A look: its name, what follows the address, the options of the browser, and what is done on the page."""


def main(source: str, folder: Path, name: str, *looks: str) -> None:
    """Write `NAME-LOOK.png` into a folder for each look, or for those named. `source`: a file, or the address of `serve`."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        served = source.startswith("http")
        address = source.rstrip("/") if served else Path(source).absolute().as_uri()
        for look, path, options, picture in PAGES if served else REPORT:
            if looks and look not in looks:
                continue
            page = _opened(browser, address + path, options)
            picture(page)
            page.wait_for_timeout(500)
            page.screenshot(path=str(folder / f"{name}-{look}.png"))
            page.close()
        browser.close()


def _opened(browser: Browser, address: str, options: dict[str, Any]) -> Page:
    page = browser.new_page(**options)
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")
    return page


def _top(page: Page) -> None:
    """Leave the page at its top."""


def _equity(page: Page) -> None:
    page.evaluate("document.getElementById('equity-title')?.scrollIntoView()")


def _trade(page: Page) -> None:
    """Open the trade with the largest loss, whose target fell for the longest."""
    page.select_option("#sort", "days")
    page.select_option("#order", "-1")
    page.locator("tbody button.open").first.click()
    page.wait_for_selector("dialog[open] .chart canvas")
    page.mouse.move(0, 0)


def _first_chart(page: Page) -> None:
    page.evaluate("document.querySelector('#inline article').scrollIntoView()")


REPORT: tuple[Picture, ...] = (
    ("top", "", DESK, _top),
    ("equity", "", DESK, _equity),
    ("trade-dark", "", {**DESK, "color_scheme": "dark"}, _trade),
    ("phone", "", PHONE, _top),
    ("phone-trade", "", PHONE, _trade),
)
PAGES: tuple[Picture, ...] = (
    ("today", "/", DESK, _top),
    ("charts-dark", "/charts", {**DESK, "color_scheme": "dark"}, _first_chart),
    ("phone", "/", PHONE, _top),
)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
