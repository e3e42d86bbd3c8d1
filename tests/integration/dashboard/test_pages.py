"""What the pages reply to an unexpected error: its text stays in the log of the home."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tradectl.bootstrap.reports import report_names
from tradectl.dashboard.access import Access
from tradectl.dashboard.pages import DashboardSource, application, commands
from tradectl.dashboard.report_files import ReportFolder
from tradectl.report_page.templating import unbroken
from tradectl.world import World


def test_a_bug_is_reported_once_and_not_shown(tmp_path: Path) -> None:
    def broken() -> World:
        raise ValueError("a detail of the account")

    told: list[str] = []
    source = DashboardSource(
        broken, tmp_path, "me", ReportFolder(tmp_path, report_names("me")), lambda *_: "", lambda error: told.append(str(error))
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/orders", "query_string": b"", "headers": [(b"host", b"here:1")]}
    with pytest.raises(ValueError, match="a detail"):
        asyncio.run(application(source, Access(frozenset({"here:1"}), "", "t"))(scope, receive, send))  # type: ignore[arg-type]
    assert told == ["a detail of the account"]
    assert sent[0]["status"] == 500
    body = b"".join(message.get("body", b"") for message in sent)
    assert b"This is a bug" in body
    assert b"a detail" not in body
    assert (b"cache-control", b"no-store") in sent[0]["headers"]


def test_a_command_in_a_finding_looks_like_one() -> None:
    text = "see `tradectl executions --session 2025-10-29` <b>`"
    marked = '<code>tradectl executions --session <span class="nb">2025-10-29</span></code>'
    assert str(commands(unbroken(text))) == f"see {marked} &lt;b&gt;`"
