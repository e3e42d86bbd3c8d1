"""Show the manual that is installed with the program (`help`)."""

from __future__ import annotations

import re
import sys
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


_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_PAGE = re.compile(r"\[([^\]]+)\]\((?:[\w./-]*/)?([\w-]+)\.md(?:#[\w-]*)?\)")
"""A block of code; code in a sentence; a link to another page of the manual."""


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
    """Show a page of the manual, or list the how-tos; a part of a page's name is enough.

    On a terminal the page fits its width; elsewhere it is Markdown."""
    del invocation
    if not topic:
        found = [{"topic": name, "title": _title(page)} for name, page in pages("tutorial", "how-to").items()]
        rows = [(item["topic"], item["title"]) for item in found]
        text = "Show a page by `tradectl help TOPIC`. A command's options are in its --help."
        return Answer(found, lambda: f"{output.table(('topic', 'title'), rows)}\n\n{text}")
    name, page = _found(topic)
    content = page.read_text(encoding="utf-8")
    return Answer({"topic": name, "text": content}, lambda: drawn(content) if sys.stdout.isatty() else content.rstrip("\n"))


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


def drawn(content: str) -> str:
    """Return a page as text that fits the terminal. Code keeps its backticks, because text without styles would not show it."""
    from rich.console import Console
    from rich.markdown import Markdown

    parts = _FENCED.split(content)
    parts[::2] = [_CODE.sub(r"`` `\1` ``", _PAGE.sub(r"\1 (`tradectl help \2`)", part)) for part in parts[::2]]
    console = Console(color_system=None)
    with console.capture() as captured:
        console.print(Markdown("".join(parts), hyperlinks=False))
    return "\n".join(line.rstrip() for line in captured.get().strip("\n").splitlines())


def _title(page: Traversable) -> str:
    return page.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
