"""Check the classes of values: the default of a field of a struct comes from msgspec, not from dataclasses."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "tradectl"


def test_no_struct_takes_the_description_of_a_dataclass_field_for_its_default() -> None:
    structs = 0
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        foreign = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"
            for name in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and "frozen" in {word.arg for word in node.keywords}:
                structs += 1
                values = [item.value for item in node.body if isinstance(item, ast.AnnAssign)]
                makers = {ast.unparse(value.func) for value in values if isinstance(value, ast.Call)}
                assert not foreign & makers, f"{file}: {node.name}"
    assert structs > 300
