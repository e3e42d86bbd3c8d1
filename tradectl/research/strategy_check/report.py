"""Write the result of a check as JSON values and as sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tradectl.ports import StrategyText
from tradectl.research.strategy_check.work import CheckOutcome, Name, Status
from tradectl.strategy.strategy import text_hash

LABEL = 10
"""The width of the column of the status."""


def result(text: StrategyText, outcome: CheckOutcome) -> dict[str, Any]:
    """Return the JSON result of a check."""
    failed = [item for item in outcome.checks if item.status is Status.FAILED]
    return {
        "name": text.name,
        "form": text.form,
        "hash": text_hash(text.text),
        "universe": outcome.about.get("universe"),
        "from": outcome.about.get("from"),
        "to": outcome.about.get("to"),
        "symbols": outcome.about.get("symbols", 0),
        "sample": outcome.about.get("sample", 0),
        "passed": not failed,
        "looks_ahead": any(item.name is Name.FUTURE for item in failed),
        "failures": [f"{item.name}: {item.sentence}" for item in failed],
        "checks": [
            {
                "name": str(item.name),
                "status": str(item.status),
                "sentence": item.sentence,
                "details": list(item.details),
                "figures": item.figures,
            }
            for item in outcome.checks
        ],
    }


def text_of(found: Mapping[str, Any], width: int) -> str:
    """Return a result as text of a width. Checks that were not made for the same reason share a paragraph."""
    lines = [*_wrapped(f"{found['name']} {found['hash'][:12]}{_over(found)}", width), ""]
    reasons = [item["sentence"] for item in found["checks"] if item["status"] == Status.NOT_MADE]
    for item in found["checks"]:
        title = item["name"].capitalize()
        if item["status"] == Status.NOT_MADE:
            if item["sentence"] not in reasons:
                continue
            same = [other["name"] for other in found["checks"] if other["sentence"] == item["sentence"]]
            title, reasons = ", ".join(same).capitalize(), [reason for reason in reasons if reason != item["sentence"]]
        mark = "FAILED" if item["status"] == Status.FAILED else item["status"]
        lines += _wrapped(f"{mark:<{LABEL}}{title}. {item['sentence']}", width)
        lines += [line for detail in item["details"] for line in _wrapped(f"{'':<{LABEL}}- {detail}", width, LABEL + 2)]
    return "\n".join([*lines, "", *_wrapped(_end(found), width, indent=0)])


def _over(found: Mapping[str, Any]) -> str:
    if found["universe"] is None:
        return ""
    return f": {found['symbols']} symbols of {found['universe']}, {found['from']} to {found['to']}"


def _end(found: Mapping[str, Any]) -> str:
    if not found["passed"]:
        return f"The check failed, so {found['name']} cannot be used. Change its file and check it again."
    warned = [item["name"] for item in found["checks"] if item["status"] == Status.WARNING]
    doubts = f" Read the warnings first: {', '.join(warned)}." if warned else ""
    return f"The check passed.{doubts} `tradectl strategy use {found['name']}` uses it, on paper first."


def _wrapped(line: str, width: int, indent: int = LABEL) -> Sequence[str]:
    return textwrap.wrap(
        line, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False, drop_whitespace=True
    ) or [""]
