"""A message names a page of the manual by `tradectl help TOPIC`: who installed by pip has no folder docs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "tradectl"


def texts(path: Path) -> Iterator[str]:
    """Yield the string constants of a module, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_no_message_names_a_file_of_docs() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if "docs/" in path.read_text(encoding="utf-8")]
    found = {path.name: text for path in modules for text in texts(path) if "docs/how-to" in text or "docs/tutorial" in text}
    assert {name: text for name, text in found.items() if name not in {"reference.py", "help.py"}} == {}
