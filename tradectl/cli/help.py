"""Show the manual that is installed with the program (`help`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli import output
from tradectl.cli.command import command
from tradectl.cli.invocation import Answer, Invocation
from tradectl.cli.options import OPERATE
from tradectl.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

app = typer.Typer()
SHELVES = ("tutorial", "how-to", "explanation", "reference", "decisions")
"""The folders of the manual, in the order in which a topic is looked for."""


def topics(incomplete: str) -> list[tuple[str, str]]:
    """Return the topics that begin so, with their titles."""
    return [(name, _title(page)) for name, page in pages("tutorial", "how-to").items() if name.startswith(incomplete)]


@command(app, "help", panel=OPERATE)
def show(
    invocation: Invocation,
    topic: Annotated[
        str, typer.Argument(help="A page, such as run-every-day; default: the list.", metavar="[TOPIC]", autocompletion=topics)
    ] = "",
) -> Answer:
    """Show a page of the manual, or list the how-tos; a part of a page's name is enough."""
    del invocation
    if not topic:
        found = [{"topic": name, "title": _title(page)} for name, page in pages("tutorial", "how-to").items()]
        rows = [(item["topic"], item["title"]) for item in found]
        text = "Show a page by `tradectl help TOPIC`. A command's options are in its --help."
        return Answer(found, lambda: f"{output.table(('topic', 'title'), rows)}\n\n{text}")
    name, page = _found(topic)
    content = page.read_text(encoding="utf-8")
    return Answer({"topic": name, "text": content}, content.rstrip("\n"))


def pages(*shelves: str) -> Mapping[str, Traversable]:
    """Return the pages of these folders by their name, in the order of the folders and then of the alphabet."""
    from importlib.resources import files

    manual = files("tradectl").joinpath("manual")
    found: dict[str, Traversable] = {}
    for shelf in shelves:
        folder = manual.joinpath(shelf)
        for page in sorted(folder.iterdir() if folder.is_dir() else (), key=lambda item: item.name):
            if page.name.endswith(".md"):
                found.setdefault(page.name.removesuffix(".md"), page)
    return found


def _found(topic: str) -> tuple[str, Traversable]:
    """Return the page whose name is the topic, else the only page whose name contains it. Raises UsageError."""
    every = pages(*SHELVES)
    plain = topic.lower().replace(" ", "-").removesuffix(".md")
    if plain in every:
        return plain, every[plain]
    for shelves in (("tutorial", "how-to"), SHELVES):
        like = [name for name in pages(*shelves) if plain in name]
        if len(like) == 1:
            return like[0], every[like[0]]
        if like:
            raise UsageError(f"{len(like)} pages of the manual have {topic!r} in their name: {', '.join(like)}")
    raise UsageError(
        f"the manual has no page {topic!r}: `tradectl help` lists the how-tos, `tradectl {plain} --help` shows a command"
    )


def _title(page: Traversable) -> str:
    return page.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
