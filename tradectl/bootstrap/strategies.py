"""Find the strategies of a home: the files of its folder `strategies`."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from tradectl.errors import ConfigurationError, TradectlError, UsageError
from tradectl.ports import StrategyText
from tradectl.strategy.strategy import EXPRESSIONS, PYTHON, Strategy, check_name
from tradectl.strategy.strategy_forms import strategy_of

FOLDER = "strategies"
"""The folder in the home."""
FORMS = {".toml": EXPRESSIONS, ".py": PYTHON}


class StrategyFolder:
    """Read the strategy files of a home. They are read anew at each call, since a person edits them."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def names(self) -> list[str]:
        """Return the names of all strategy files, sorted, also of those that cannot be read."""
        if not self.folder.is_dir():
            return []
        return sorted({file.stem for file in self.folder.iterdir() if file.suffix in FORMS and not file.name.startswith(".")})

    def file_of(self, name: str) -> Path:
        """Return the file of a strategy. Raises UsageError if there is none, or if there are two."""
        check_name(name)
        found = [file for suffix in FORMS if (file := self.folder / f"{name}{suffix}").exists()]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{found[0]} and {found[1].name} have the same name; remove one of them")
        close = get_close_matches(name, self.names(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"`tradectl strategy new {name}` writes one"
        raise UsageError(f"there is no strategy {name!r} in {self.folder}; {hint}")

    def read(self, name: str) -> Strategy:
        """Return a strategy. Raises UsageError or ConfigurationError in one line."""
        file = self.file_of(name)
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{file} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
        return strategy_of(name, FORMS[file.suffix], text, file.name)

    def text_of(self, name: str) -> StrategyText:
        """Return the text of a strategy that can be read. Raises UsageError or ConfigurationError in one line."""
        found = self.read(name)
        return StrategyText(found.name, found.form, found.text, found.file)

    def all(self) -> Iterator[tuple[str, Strategy | TradectlError]]:
        """Yield each name with its strategy, or with the error of its file."""
        for name in self.names():
            try:
                yield name, self.read(name)
            except TradectlError as error:
                yield name, error
