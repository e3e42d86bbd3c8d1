"""Compare what a command prints with its published schema."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tradectl.cli.contract.commands import RESULTS, envelope_schema
from tradectl.cli.contract.json_schema import closed


@cache
def validator(command: str) -> Draft202012Validator:
    """The schema of a command, in which a key that is not declared is an error."""
    schema = closed(envelope_schema(command))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def differences(found: dict[str, Any]) -> Iterator[str]:
    """Where an object differs from the schema of its command; a group and a command of a package have the general one."""
    command = found["command"] if found["command"] in RESULTS else ""
    for error in validator(command).iter_errors(found):
        yield f"{command} {'/'.join(map(str, error.absolute_path))}: {error.message}"
