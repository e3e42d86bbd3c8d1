"""A report as one small picture."""

from __future__ import annotations

import struct
import sys

import pytest
from msgspec.structs import replace

from tests.support.report_content import START, content, held
from tradectl.errors import ConfigurationError
from tradectl.report_page.content import Content
from tradectl.report_page.picture import draw

FORMULA = replace(held("A$^{2$", START), exit_session=START, net=-5)


@pytest.mark.parametrize(
    "report",
    [content(60, 30), content(1, 1), content(1, 0), replace(content(1, 0), days=()), replace(content(9, 0), trades=(FORMULA,))],
    ids=["span", "one session", "no trade", "no statistics", "a symbol like a formula"],
)
def test_a_picture_is_as_wide_as_a_phone(report: Content) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (the extra pictures)")
    picture = draw(report)
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, 300 < height < 1600, len(picture) < 200_000) == (1080, True, True)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigurationError, match=r"tradectl\[pictures\]"):
        draw(content(1, 0))
