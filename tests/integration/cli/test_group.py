"""Global options are understood before and after the subcommand."""

from __future__ import annotations

import pytest

from tradectl.cli.group import MissingValue, to_the_front


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        ("status --user asha", "--user asha status"),
        ("--user asha status", "--user asha status"),
        ("orders list --json --limit 3 --at 2023-07-21", "--json --at 2023-07-21 orders list --limit 3"),
        ("orders show 7 -qv", "-qv orders show 7"),
        ("status --home=/tmp/x", "--home=/tmp/x status"),
        ("config set key -- -v", "config set key -- -v"),
        ("status --user -q", "--user -q status"),
        ("status --until 15:30", "status --until 15:30"),
        ("status --userx y", "status --userx y"),
        ("", ""),
    ],
)
def test_global_options_go_to_the_front(said: str, understood: str):
    assert to_the_front(said.split()) == understood.split()


def test_a_global_option_at_the_end_needs_its_value():
    with pytest.raises(MissingValue, match="--user"):
        to_the_front(["status", "--user"])
