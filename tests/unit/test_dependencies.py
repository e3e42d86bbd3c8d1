"""The program imports what pyproject.toml installs for everybody, or an extra that a user asks for, and nothing of the tests."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def modules(requirements: Iterable[str]) -> set[str]:
    """Return the top modules of requirements: here each package has the name of its module."""
    return {re.split(r"[\[<>=]", item)[0].lower().replace("-", "_") for item in requirements}


def outside(text: str) -> set[str]:
    """Return the top modules of other packages that a module imports, at whatever place."""
    names = re.findall(r"^ *(?:import|from) (\w+)(?:$|[\w.]* as |[\w.]* import )", text, re.MULTILINE)
    return set(names) - set(sys.stdlib_module_names) - {"tradectl"}


def test_the_program_imports_no_package_of_its_tests() -> None:
    found = set().union(*(outside(path.read_text(encoding="utf-8")) for path in (ROOT / "tradectl").rglob("*.py")))
    assert {"sqlalchemy", "pandas", "requests"} <= found
    of_users = (EXTRAS[name] for name in ("postgres", "dask", "xlsx", "pictures", "serve"))
    assert found - modules([*PROJECT["dependencies"], *chain.from_iterable(of_users)]) == set()


def test_make_demo_installs_no_extra() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = dict(re.findall(r"^(\S+): *(?:.*)\n((?:\t.*\n)+)", makefile, re.MULTILINE))
    needs = dict(re.findall(r"^(\S+): (\S+)$", makefile, re.MULTILINE))
    assert needs["demo"] == "$(PROGRAM)"
    assert "--editable .\n" in recipes["$(PROGRAM)"]
    assert (needs["test"], needs["check"]) == ("$(TEST)", "$(CHECK)")
    assert "'.[test]'" in recipes["$(TEST)"]
    assert "'.[check]'" in recipes["$(CHECK)"]


def test_the_development_extra_has_all_tools() -> None:
    assert EXTRAS["dev"] == ["tradectl[test,check]"]
