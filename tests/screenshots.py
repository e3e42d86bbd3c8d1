"""Make the pictures of the manual from a report: `python -m tests.screenshots REPORT.html docs/images NAME [LOOK ...]`.

It needs playwright and a Chromium (Debian: apt-get install chromium). Each picture is one screen: the top of the page, the
equity, one trade in the dark, and the page on a phone.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK: dict[str, Any] = {"viewport": {"width": 1100, "height": 780}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def main(report: Path, folder: Path, name: str, *looks: str) -> None:
    """Write `NAME-LOOK.png` into a folder for each look, or for those named."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for look, options, picture in (
            ("top", DESK, _top),
            ("equity", DESK, _equity),
            ("trade-dark", {**DESK, "color_scheme": "dark"}, _trade),
            ("phone", PHONE, _top),
            ("phone-trade", PHONE, _trade),
        ):
            if looks and look not in looks:
                continue
            page = _opened(browser, report, options)
            picture(page)
            page.wait_for_timeout(500)
            page.screenshot(path=str(folder / f"{name}-{look}.png"))
            page.close()
        browser.close()


def _opened(browser: Browser, report: Path, options: dict[str, Any]) -> Page:
    page = browser.new_page(**options)
    page.goto(report.absolute().as_uri())
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
