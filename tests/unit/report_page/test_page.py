"""The page as text: one file, of a bounded size, that no text of a ledger can change."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from tests.support.report_content import HALTED, START, content, held
from tradectl.report_page.content import Content
from tradectl.report_page.figures import figures_of
from tradectl.report_page.page import render
from tradectl.report_page.plain import csv_of, markdown_of, sparkline

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">|`=cmd'


class Outline(HTMLParser):
    """Collect the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def outline(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Outline()
    parser.feed(page)
    return parser.tags


def data_of(page: str) -> dict[str, list[list[object]]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    parsed: dict[str, list[list[object]]] = json.loads(found[1])
    return parsed


def candles_in(page: str) -> dict[str, list[list[int]]]:
    found = re.search(r'<script type="text/plain" id="candles">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    parsed: dict[str, list[list[int]]] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return parsed


@pytest.mark.parametrize(("sessions", "trades", "megabytes"), [(250, 500, 3), (1250, 5000, 10)])
def test_a_page_is_small(sessions: int, trades: int, megabytes: float) -> None:
    page = render(content(sessions, trades))
    assert len(page.encode()) < megabytes * 1e6
    assert len(data_of(page)["trades"]) == trades


def test_a_page_names_no_other_file_and_no_other_host() -> None:
    tags = outline(render(content(30, 5)))
    sources = [
        value for _, attributes in tags for name, value in attributes.items() if name in {"src", "srcset", "data", "poster"}
    ]
    assert sources == []
    links = [(tag, attributes["href"]) for tag, attributes in tags if "href" in attributes]
    assert links == [("link", "data:,"), ("a", "https://www.tradingview.com/")]
    [policy] = [a["content"] for tag, a in tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def hostile() -> Content:
    report = content(30, 1, alerts=(replace(HALTED, text=HOSTILE),), notes=(HOSTILE,), title=HOSTILE, user=HOSTILE)
    return replace(report, trades=(replace(report.trades[0], symbol=HOSTILE, why=HOSTILE),), held=(held(HOSTILE, START),))


def test_text_of_a_ledger_adds_no_element_to_a_page() -> None:
    plain, page = outline(render(replace(content(30, 1), held=(held("X", START),)))), render(hostile())
    scripts = [tag for tag, _ in outline(page) if tag == "script"]
    assert scripts == [tag for tag, _ in plain if tag == "script"]
    assert not any(tag == "img" for tag, _ in outline(page))
    assert not any(name.startswith("on") for _, attributes in outline(page) for name in attributes)
    assert data_of(page)["trades"][0][0] == HOSTILE


def test_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    report = replace(content(30, 0), held=(held("=HYPERLINK(1)", START), held("@SUM", START), held("-ABC", START)))
    lines = csv_of(report).splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["'=HYPERLINK(1)", "'@SUM", "'-ABC"]
    assert lines[1].split(",")[8] == "-12.34", "a negative amount stays a number"


def test_markdown_shows_a_text_as_it_is_on_one_line() -> None:
    text = markdown_of(hostile(), figures_of(hostile()))
    assert re.search(r"(?<!\\)[<|`]script", text) is None
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert all(re.match(r"^\| .* \|$", line) for line in table)


def test_candles_come_back_from_their_differences() -> None:
    report = content(250, 3, symbols=1)
    [columns] = candles_in(render(report)).values()
    bars = report.candles["SYM000"]
    for place, column in ((1, bars.open), (2, bars.high), (3, bars.low), (4, bars.close)):
        total, back = 0, []
        for value in columns[place]:
            total += value
            back.append(total)
        assert back == list(column)
    assert columns[5] == [round(volume / 100) for volume in bars.volume]


def test_a_sparkline_ends_with_the_last_value() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([*([0.0] * 999), 1.0]).endswith("█")
    assert len(sparkline(list(range(1000)))) == 60
