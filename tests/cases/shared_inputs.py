"""The inputs of the cases, which lie beside the checkout; a test that wants them is skipped where they are missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def cases() -> Path:
    """The folder with one folder for each case."""
    shared = Path(os.environ.get("TRADECTL_SHARED", ROOT.parent / "shared"))
    folder = next((found for found in (shared / "cases", shared.parent / "cases") if found.is_dir()), None)
    if folder is None:
        pytest.skip(f"no cases in {shared}; TRADECTL_SHARED names another folder")
    return folder
