"""The page in a real browser: it loads nothing, reports no error, is accessible, and fits a phone, a dark screen and paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from tests.support.browsing import BEYOND, BLANK, CUT, DARK, DESK, PHONE, SPLIT, violations
from tests.support.report_content import EVENT, HALTED, MADE, SKIPPED, START, UNKNOWN, content, held, sweep_result
from tradectl.bootstrap import PaperWorld
from tradectl.report_page.complete import ledger_report
from tradectl.report_page.content import Content
from tradectl.report_page.ledger_reading import Period
from tradectl.report_page.page import render
from tradectl.report_page.sweep_page import render_sweep

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
LOOKS = pytest.mark.parametrize(
    "look",
    [pytest.param(DESK, id="desk", marks=pytest.mark.slow), pytest.param(PHONE, id="phone"), pytest.param(DARK, id="dark")],
)
"""The light colours are on the phone and the wide page is dark, so every run has both of them."""


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a content; the test ends with no request besides the page, and nothing on the console."""
    troubles: list[str] = []
    contexts = []

    def show(report: Content | str, look: dict[str, Any]) -> Page:
        file = tmp_path / f"report{len(contexts)}.html"
        file.write_text(report if isinstance(report, str) else render(report), encoding="utf-8")
        context = browser.new_context(**look)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("request", lambda request: troubles.append(f"request: {request.url}") if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        return page

    yield show
    for context in contexts:
        context.close()
    assert [trouble for trouble in troubles if trouble != "request: data:,"] == []


def busy() -> Content:
    """Return a report with everything that a page may show."""
    report = content(300, 40, symbols=8, alerts=(HALTED, UNKNOWN), skipped=(SKIPPED,), skipped_total=1, considered={"rsi": 8924})
    hold = [value / 100 * 101 for value in (day.equity for day in report.days)]
    return replace(report, held=(held("DELISTED", START),), benchmarks={"Buy and hold nifty50": hold}, notes=("A note.",))


def day(**changes: object) -> Content:
    """Return a report of one session with one trade."""
    report = content(1, 1, events=(EVENT,), **changes)
    return replace(report, first=report.last)


@LOOKS
def test_a_full_page_fits_and_is_accessible(opened: Open, look: dict[str, Any]) -> None:
    page = opened(busy(), look)
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(CUT) == []
    assert page.evaluate(BLANK) == 0
    assert violations(page) == []
    page.locator("tbody button.open", has_text="SYM").first.click()
    page.wait_for_selector("dialog[open] .chart canvas")
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(BLANK) == 0
    assert violations(page) == []


@pytest.mark.parametrize(
    "report",
    [
        content(1, 0),
        replace(content(1, 0), days=()),
        day(alerts=(HALTED,)),
        day(alerts=(UNKNOWN,), held=(held("DELISTED", START),), candles={}),
        content(2, 1),
    ],
    ids=["empty day", "no statistics", "halted day", "unknown order", "one trade"],
)
def test_an_unusual_period_is_readable(opened: Open, report: Content) -> None:
    page = opened(report, PHONE)
    assert page.evaluate(BEYOND) == []
    assert violations(page) == []
    words = page.inner_text("main")
    assert all(alert.title in words for alert in report.alerts)
    assert ("No trade was closed" in words) == (not report.trades and not report.held)
    assert page.locator("#trades tbody tr").count() == len(report.trades) + len(report.held)
    assert page.locator("#inline article").count() == (len(report.trades) + len(report.held) if report.one_session else 0)


@pytest.mark.parametrize("width", [320, 360, 390, 800])
def test_no_date_of_a_narrow_page_is_split(opened: Open, width: int) -> None:
    detail = "avoid=8 buy=4 data=provisional for_session=2025-10-29 scanned=12 surveillance=no list, data_date=2025-10-28"
    reason = "its bars end at 2025-10-24 15:30, (2025-10-28 is missing), and a buy needs 2025-10-28,2025-10-27,2025-10-26"
    skipped = replace(SKIPPED, reason=reason)
    events = (replace(EVENT, detail=detail), replace(EVENT, detail="for_session=2025-10-29 placed=4"))
    report = day(skipped=(skipped,), skipped_total=1, held=(held("DELISTED", START),), notes=(reason,))
    page = opened(replace(report, events=events), PHONE | {"viewport": {"width": width, "height": 780}})
    assert page.evaluate(SPLIT) == []
    assert page.evaluate(BEYOND) == []


def test_trades_are_found_filtered_and_sorted_by_keyboard(opened: Open) -> None:
    report = busy()
    page = opened(report, DESK)
    page.focus("#find")
    page.keyboard.type("sym003")
    wanted = [trade for trade in report.trades if trade.symbol == "SYM003"]
    assert page.locator("#trades tbody tr").count() == len(wanted)
    page.focus("#trades thead th[data-key=net] button")
    page.keyboard.press("Enter")
    nets = page.locator("#trades tbody td[data-label=Net]").all_inner_texts()
    amounts = [float(text.replace("−", "-").replace(",", "")) for text in nets]
    assert amounts == sorted(trade.net / 100 for trade in wanted)
    assert page.locator("#trades thead th[data-key=net]").get_attribute("aria-sort") == "ascending"
    page.select_option("#which", "loss")
    assert page.locator("#trades tbody tr").count() == sum(trade.net < 0 for trade in wanted)
    page.focus("tbody button.open >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] .chart canvas")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_the_button_changes_the_theme_of_page_and_charts(opened: Open) -> None:
    page = opened(content(60, 3), DESK)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert page.inner_text("#theme") == "Light"
    assert violations(page) == []


def test_paper_has_light_pictures_and_every_trade(opened: Open, tmp_path: Path) -> None:
    page = opened(content(300, 250), DARK)
    assert page.locator("#trades tbody tr").count() == 100
    printed = """() => { const image = document.querySelector('#equity img');
      return [document.documentElement.dataset.theme, image !== null, document.querySelectorAll('#trades tbody tr').length]; }"""
    page.evaluate("() => { window.seen = null; addEventListener('beforeprint', () => { window.seen = (" + printed + ")(); }); }")
    page.pdf(path=str(tmp_path / "report.pdf"))
    assert page.evaluate("window.seen") == ["light", True, 250]
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("#equity img").count() == 0


def test_5000_trades_are_usable(opened: Open) -> None:
    page = opened(content(1250, 5000), PHONE)
    assert page.locator("#trades tbody tr").count() == 100
    page.fill("#find", "sym099")
    assert page.locator("#trades tbody tr").count() == 50
    page.locator("tbody button.open").first.click()
    page.wait_for_selector("dialog[open] .chart canvas")
    assert page.evaluate(BLANK) == 0


def test_a_simulation_has_its_session_minute_by_minute(opened: Open, world: PaperWorld) -> None:
    sessions = [row.session_date for row in world.ledger.statistics.all()]
    report = ledger_report(world, Period(sessions[0], sessions[-1], "All"))
    sold = next(trade for trade in report.trades if trade.minutes)
    assert sold.exit_session is not None
    page = opened(ledger_report(world, Period(sold.exit_session, sold.exit_session, "A day")), DARK)
    assert page.locator("#inline .chart.low canvas").count() > 0
    assert page.evaluate(BLANK) == 0
    assert page.evaluate(BEYOND) == []
    assert violations(page) == []


@LOOKS
def test_a_sweep_shows_its_heat_map(opened: Open, look: dict[str, Any]) -> None:
    page = opened(render_sweep(sweep_result(), {"rsi_exit": "50", "rsi_entry_above": "30"}, MADE), look)
    assert page.evaluate(SPLIT) == []
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(CUT) == []
    assert violations(page) == []
    assert page.locator(".heat tbody tr").count() == 3
    assert page.locator(".heat tbody td").all_inner_texts() == ["−2", "0", "+20*", "+22", "+40", "+42"]
