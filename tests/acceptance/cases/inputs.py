"""The inputs of the cases of ../shared/cases, and the command line in a home of its own that reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Said, Tradectl, home, tradectl

__all__ = ["Said", "Tradectl", "cases", "home", "tradectl"]


@pytest.fixture
def cases(shared_data: Path) -> Path:
    """The folder of the cases; a test is skipped where it is missing."""
    folder = shared_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases in {folder}")
    return folder
