"""No module of the package imports itself through others, at whatever place of a file the imports stand.

Imports inside functions and those for type checkers count too. That a module needs the packages it lies in does not count.
`lint-imports` holds the same of the packages beside each other.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def sources(folder: Path) -> dict[str, str]:
    """Return the text of each module of a package by its dotted name."""
    found = {}
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def imported(name: str, text: str, modules: Mapping[str, str]) -> set[str]:
    """Return the modules that a module imports anywhere in its text; `from package import name` imports the module of that
    name where there is one."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {item if item in modules else str(node.module) for item in inside}
    return (found & set(modules)) - {name}


def circle(modules: Mapping[str, str]) -> list[str]:
    """Return the modules of an import circle, the first also as the last; empty where there is none."""
    try:
        TopologicalSorter({name: imported(name, text, modules) for name, text in modules.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_package_has_no_import_circle() -> None:
    modules = sources(ROOT / "tradectl")
    assert {"tradectl", "tradectl.ports", "tradectl.brokers.kite.rows"} <= set(modules)
    assert circle(modules) == []


def test_a_circle_is_found_wherever_its_imports_stand() -> None:
    modules = {
        "house": "",
        "house.top": "from house import low",
        "house.low": "def late():\n    from house.deep.part import thing\n",
        "house.deep": "",
        "house.deep.part": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.top\n",
    }
    assert sorted(circle(modules)[1:]) == ["house.deep.part", "house.low", "house.top"]
    assert circle({**modules, "house.low": "from house.deep import part_of_it"}) == []


def test_a_package_that_its_own_modules_import_is_a_circle() -> None:
    modules = {"house": "def later():\n    from house.room import open\n", "house.room": "from house import NAME"}
    assert sorted(circle(modules)[1:]) == ["house", "house.room"]
