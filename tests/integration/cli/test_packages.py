"""Brokers and sandboxes that other packages bring, found by their entry points."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl

POINTS = """[tradectl.brokers]
broken = no_such_module:ADAPTER
[tradectl.sandboxes]
broken = tradectl.lab.sandboxes.dhan.entry:NoSuchClass
borrowed = tradectl.lab.sandboxes.dhan.entry:DhanEntry
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of an installed package."""
    metadata = tmp_path / "packages" / "other-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(metadata.parent))


def test_a_sandbox_of_another_package_is_a_command(tradectl: Tradectl) -> None:
    assert "Serve the API of borrowed over this home's paper account" in tradectl("sandbox", "--help").out
    said = tradectl("sandbox", "borrowed", "--help")
    assert (said.code, "--port" in said.out) == (0, True)
    assert tradectl("sandbox", "nobody").code == 2
    drilled = tradectl("drill", "--through", "nobody")
    assert (drilled.code, "and of borrowed and of broken and of dhan" in drilled.err) == (2, True)
    unadapted = tradectl("drill", "--through", "borrowed")
    assert (unadapted.code, unadapted.err) == (2, "tradectl: there is no broker 'borrowed'; there are kite, kotak_neo, openalgo, "
                                                  "broken, dhan\n")  # fmt: skip


def test_a_package_that_cannot_be_loaded_is_named(tradectl: Tradectl) -> None:
    for words, group in ((("broker", "list"), "brokers"), (("sandbox", "broken"), "sandboxes")):
        said = tradectl(*words)
        assert (said.code, said.err.count("\n")) == (4, 1), said.err
        assert f"the package that provides broken (tradectl.{group}) cannot be loaded: " in said.err
