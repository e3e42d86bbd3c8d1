"""The account of the drill before each of its days: prepared once for all workers of a run, and copied for each file of tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import Once, once
from tradectl.exchange.sessions import SessionTable
from tradectl.lab.drill import days
from tradectl.lab.drill.seeds import DrillWorker

__all__ = ["once"]


class PreparedWorker(DrillWorker):
    """A worker in a folder in which another has prepared the account."""

    def _prepare(self) -> None:
        """Leave the account as it is."""


@pytest.fixture(scope="module")
def stage(once: Once, sessions: SessionTable, tmp_path_factory: pytest.TempPathFactory) -> DrillWorker:
    def build(work: Path) -> None:
        days.make(work / "market", sessions)
        DrillWorker(work, work / "market").workspace.ledger.close()

    work = shutil.copytree(once("drill-account", build), tmp_path_factory.mktemp("drill") / "work")
    return PreparedWorker(work, work / "market")
