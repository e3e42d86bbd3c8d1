"""What is written about the program is what the program says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Tradectl
from tradectl.cli import reference

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", sorted(reference.files()))
def test_a_generated_file_is_what_make_reference_would_write(name: str):
    assert (ROOT / name).read_text(encoding="utf-8") == reference.files()[name], f"run `make reference` for {name}"


def test_the_example_crontab_is_what_the_command_says(tradectl: Tradectl):
    example = (ROOT / "crontab.example").read_text(encoding="utf-8")
    said = tradectl("crontab", "--zone", "Asia/Kolkata", "--user", "anna", "--home", "/home/anna/.tradectl")
    program = f"{Path(sys.executable).with_name('tradectl')} --home /home/anna/.tradectl --user anna"
    assert said.out == example.replace(reference.EXAMPLE_PROGRAM, program)


def test_every_command_of_the_example_crontab_exists(tradectl: Tradectl):
    lines = (ROOT / "crontab.example").read_text(encoding="utf-8").splitlines()
    said = {line.split(f" {reference.EXAMPLE_PROGRAM} ", 1)[1].split()[0] for line in lines if line[:1].isdigit()}
    assert said
    for command in said:
        assert tradectl(command, "--help").code == 0


def test_the_help_is_the_timetable_of_the_day(tradectl: Tradectl):
    text = tradectl("--help").out
    order = [
        "08:00, 08:40",
        "09:05 to 09:07:30",
        "09:15 to the close",
        "09:30 hourly",
        "16:00 to 22:45",
        "16:05 to 23:00",
        "18:00 to 23:59",
    ]
    places = [text.index(times) for times in order]
    assert places == sorted(places)
    panels = [text.index(f"\n{name}:\n") for name in ("The day, in Indian time", "Operate", "Look", "Configure", "Research")]
    assert panels == sorted(panels)
    assert places[-1] < panels[1]
