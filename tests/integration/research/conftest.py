"""One invented market for all studies."""

from __future__ import annotations

import pytest

from tests.integration.research.studies import market_in
from tradectl.settings import Settings


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a home with an invented market. Results are stored elsewhere."""
    return market_in(tmp_path_factory.mktemp("studies"))
