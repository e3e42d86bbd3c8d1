"""A headless browser where one is installed, and what its pages must hold to: nothing is cut or split, and axe finds nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "is_mobile": True, "has_touch": True}
DARK: dict[str, Any] = {**DESK, "color_scheme": "dark"}
BEYOND = """() => [...document.querySelectorAll('body *')].filter(element => {
  const box = element.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !element.closest('.chart, .scroll') && !element.closest('dialog:not([open])');
}).map(element => element.outerHTML.slice(0, 120))"""
CUT = """() => [...document.querySelectorAll('td, th, dd, dt, li, p, h1, h2, h3, button, summary, label')].filter(element =>
  element.offsetParent && getComputedStyle(element).overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1
  && getComputedStyle(element).position !== 'absolute').map(element => element.outerHTML.slice(0, 120))"""
SPLIT = r"""() => {
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const lines = (node, from, to) => {
    const range = document.createRange();
    range.setStart(node, from);
    range.setEnd(node, to);
    return new Set([...range.getClientRects()].filter(box => box.width).map(box => Math.round(box.top)));
  };
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    if (!node.parentElement.checkVisibility()) continue;
    for (const date of node.data.matchAll(/\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?/g))
      if (lines(node, date.index, date.index + date[0].length).size > 1) found.push('within ' + date[0]);
    const before = node.parentElement.previousSibling;
    if (!/^\d{4}-\d\d-\d\d/.test(node.data) || before?.nodeType !== 3 || /\s$/.test(before.data)) continue;
    const [end] = lines(before, before.length - 1, before.length), [start] = lines(node, 0, 1);
    if (Math.abs(end - start) > 3) found.push('before ' + node.data);
  }
  return found;
}"""
"""Returns the dates that end on another line than they begin on, or than the text begins on that touches them."""
BLANK = """() => [...document.querySelectorAll('.chart')].filter(chart => {
  const canvas = [...chart.querySelectorAll('canvas')].sort((a, b) => b.width * b.height - a.width * a.height)[0];
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const pixels = new Set(new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer));
  return pixels.size < 4;
}).length"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the tests that need it are skipped where it or playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


def violations(page: Page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [f"{item['id']}: {item['nodes'][0]['html'][:120]}" for item in found]
