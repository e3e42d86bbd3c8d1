"""A block is written, replaced and removed; every line of other people stays byte for byte."""

from __future__ import annotations

import pytest

from tradectl.host.crontab_block import find_block, framed, own_jobs

NAME = "--home /home/anna/.tradectl --user anna"
OTHER = "--home /home/anna/.tradectl-live --user anna"
SIBLING = "--home /home/anna/.tradectl --user anna2"


def job(name: str, minute: int, task: str = "buy") -> str:
    return f"{minute} 16 * * * /opt/bin/tradectl {name} {task} --trigger cron -q\n"


def block(name: str, minute: int = 5) -> str:
    return framed(name, f"# tradectl: a comment\n{job(name, minute)}* * * * * /opt/bin/tradectl {name} run-due -q\n")


SHAPES = {
    "nothing": b"",
    "no final newline": b"0 3 * * * /usr/local/bin/backup",
    "crlf": b"# from Windows\r\n0 3 * * * backup\r\n\r\n",
    "environment": b'SHELL=/bin/bash\nPATH = /usr/bin:/bin\nMAILTO="anna@example.com"\n\n@reboot sleep 5\n',
    "comments and blanks": b"\n\n#\n   # indented\n# 0 3 * * * off\n\t\n",
    "percent signs": b"0 3 * * * date +\\%F%first line%second line\n",
    "latin-1 and tabs": b"# caf\xe9\n0\t3\t*\t*\t*\techo \xff\n",
    "another home": block(OTHER).encode(),
    "another user of the home": block(SIBLING).encode() + b"5 5 * * * true\n",
    "another program's block": b"# BEGIN ANSIBLE MANAGED BLOCK\n1 1 * * * true\n# END ANSIBLE MANAGED BLOCK\n",
    "our own job by hand": f"30 20 * * 1-5 /opt/bin/tradectl {NAME} data fetch -q\n".encode(),
    "a cron job without a block": job(NAME, 9).encode(),
}


def ended(shape: bytes) -> bytes:
    return shape if not shape or shape.endswith(b"\n") else shape + b"\n"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_other_lines_survive_install_change_and_remove(shape: bytes):
    first = find_block(shape, NAME).with_block(block(NAME))
    assert first == ended(shape) + block(NAME).encode()
    changed = find_block(first, NAME).with_block(block(NAME, 10))
    assert changed == ended(shape) + block(NAME, 10).encode()
    assert find_block(changed, NAME).with_block(block(NAME, 10)) == changed
    assert find_block(changed, NAME).without_block() == ended(shape)
    assert find_block(shape, NAME).without_block() == shape


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_block_keeps_its_place_between_other_lines(shape: bytes):
    before = ended(shape) + block(NAME).encode() + shape
    assert find_block(before, NAME).with_block(block(NAME, 10)) == ended(shape) + block(NAME, 10).encode() + shape
    assert find_block(before, NAME).without_block() == ended(shape) + shape


def test_two_homes_keep_their_blocks():
    both = find_block(block(OTHER).encode(), NAME).with_block(block(NAME))
    assert find_block(both, OTHER).without_block() == block(NAME).encode()
    assert find_block(both, NAME).without_block() == block(OTHER).encode()


def test_an_editor_may_change_the_ends_of_our_lines():
    windows = b"1 1 * * * true\n" + block(NAME).replace("\n", " \r\n").encode()
    found = find_block(windows, NAME)
    assert (found.damaged, len(found.jobs)) == (False, 2)
    assert found.with_block(block(NAME)) == b"1 1 * * * true\n" + block(NAME).encode()


def test_lines_added_inside_a_block_move_above_it():
    begin, *inner, end = block(NAME).splitlines(keepends=True)
    mine = ["MAILTO=anna@example.com\n", "0 3 * * * backup\n"]
    found = find_block("".join([begin, inner[0], mine[0], *inner[1:], mine[1], end]).encode(), NAME)
    assert (found.moved, found.damaged) == (2, True)
    assert found.with_block(block(NAME, 10)) == "".join([*mine, block(NAME, 10)]).encode()
    assert found.settings() == ("MAILTO",)


def test_without_its_last_mark_a_block_ends_at_a_foreign_line():
    begin, *inner, _ = block(NAME).splitlines(keepends=True)
    damaged = "".join(["1 1 * * * true\n", begin, *inner, "0 3 * * * backup\n", job(NAME, 1)])
    found = find_block(damaged.encode(), NAME)
    assert found.damaged
    assert found.with_block(block(NAME)) == f"1 1 * * * true\n{block(NAME)}0 3 * * * backup\n{job(NAME, 1)}".encode()
    assert own_jobs(found.after, NAME) == (job(NAME, 1).rstrip("\n"),)


def test_an_open_block_ends_where_another_begins():
    damaged = block(NAME).removesuffix(f"# END tradectl {NAME}\n") + block(OTHER)
    assert find_block(damaged.encode(), NAME).with_block(block(NAME)) == f"{block(NAME)}{block(OTHER)}".encode()


def test_without_its_first_mark_a_block_begins_at_our_lines():
    damaged = "0 3 * * * backup\n" + block(NAME).split("\n", 1)[1]
    found = find_block(damaged.encode(), NAME)
    assert found.damaged
    assert found.without_block() == b"0 3 * * * backup\n"
    assert found.with_block(block(NAME)) == f"0 3 * * * backup\n{block(NAME)}".encode()


def test_a_copied_block_becomes_one():
    twice = f"{block(NAME)}1 1 * * * true\n{block(NAME)}2 2 * * * true\n"
    found = find_block(twice.encode(), NAME)
    assert found.damaged
    assert found.with_block(block(NAME)) == f"{block(NAME)}1 1 * * * true\n2 2 * * * true\n".encode()


def test_a_line_that_was_turned_off_by_hand_is_kept():
    begin, *inner, end = block(NAME).splitlines(keepends=True)
    found = find_block("".join([begin, inner[0], f"#{inner[1]}", *inner[2:], end]).encode(), NAME)
    assert found.with_block(block(NAME)) == f"#{inner[1]}{block(NAME)}".encode()
