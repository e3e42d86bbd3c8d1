"""Convert findings to JSON values."""

from __future__ import annotations

from typing import Any

from tradectl.model.money import to_rupees
from tradectl.papers.findings import Finding, PaperReport, RateChange, differing


def report_value(report: PaperReport) -> dict[str, Any]:
    """Return a paper with its counts, and the lines that are not equal."""
    return {
        "paper": report.paper,
        "kind": report.kind,
        "lines": len(report.findings),
        **report.counts,
        "findings": [finding_value(item) for item in differing(report.findings)],
    }


def finding_value(item: Finding) -> dict[str, Any]:
    """Return one finding."""
    return {
        "outcome": str(item.outcome),
        "row": item.row,
        "session": item.session.isoformat(),
        "symbol": item.symbol,
        "line": item.line,
        "key": item.key,
        "differences": [
            {"field": part.field, "theirs": part.theirs, "ours": part.ours, "by": None if part.by is None else to_rupees(part.by)}
            for part in item.differences
        ],
        "note": item.note,
    }


def rate_value(change: RateChange) -> dict[str, Any]:
    """Return one differing rate."""
    return {
        "line": change.line,
        "since": change.since.isoformat(),
        "until": change.until.isoformat(),
        "agreed": change.agreed.isoformat() if change.agreed else None,
        "theirs": change.theirs,
        "ours": change.ours,
        "unit": change.unit,
        "lines": change.lines,
    }
