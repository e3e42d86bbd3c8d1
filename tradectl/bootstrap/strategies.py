"""Find the strategies of a home: the files of its folder `strategies`, and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from tradectl.bootstrap.installed_strategies import installed_file, installed_names
from tradectl.errors import ConfigurationError, TradectlError, UsageError
from tradectl.files import create_file
from tradectl.ports import StrategyText
from tradectl.strategy.strategy import EXPRESSIONS, PYTHON, Strategy, check_name
from tradectl.strategy.strategy_forms import strategy_of

FOLDER = "strategies"
"""The folder in the home."""
FORMS = {".toml": EXPRESSIONS, ".py": PYTHON}
SUFFIXES = {form: suffix for suffix, form in FORMS.items()}
EXAMPLES = Path(__file__).parents[1] / "strategy" / "examples"
"""The folder of the shipped examples."""
MODE = 0o644
"""The mode of a new file, before the process's umask is applied."""


class StrategyFolder:
    """Read the strategy files of a home. They are read anew at each call, since a person edits them.

    A file of the folder comes before one of an installed package with the same name.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def names(self) -> list[str]:
        """Return the names of all strategy files, sorted, also of those that cannot be read."""
        files = self.folder.iterdir() if self.folder.is_dir() else ()
        own = {file.stem for file in files if file.suffix in FORMS and not file.name.startswith(".")}
        return sorted({*own, *installed_names()})

    def file_of(self, name: str) -> Path:
        """Return the file of a strategy. Raises UsageError if there is none, or if there are two."""
        check_name(name)
        found = [file for suffix in FORMS if (file := self.folder / f"{name}{suffix}").exists()]
        if len(found) == 1:
            return found[0]
        if not found and (installed := installed_file(name)) is not None:
            return installed
        if found:
            raise UsageError(f"{found[0]} and {found[1].name} have the same name; remove one of them")
        close = get_close_matches(name, self.names(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"`tradectl strategy new {name}` writes one"
        raise UsageError(f"there is no strategy {name!r} in {self.folder}; {hint}")

    def text(self, name: str) -> StrategyText:
        """Return the text of a strategy's file, without a look at it. Raises UsageError or ConfigurationError in one line."""
        return _read(name, self.file_of(name))

    def read(self, name: str) -> Strategy:
        """Return a strategy. Raises UsageError or ConfigurationError in one line."""
        found = self.text(name)
        return strategy_of(name, found.form, found.text, found.file)

    def add(self, name: str, form: str, text: str) -> Path:
        """Write a new file and return its path. Raises UsageError if the name is taken, ConfigurationError if it cannot."""
        taken = [file for suffix in FORMS if (file := self.folder / f"{check_name(name)}{suffix}").exists()]
        file = self.folder / f"{name}{SUFFIXES[form]}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if taken or not create_file(file, text.encode(), mode=MODE):
                raise UsageError(f"{(taken or [file])[0]} exists already and stays as it is; choose another name, or edit it")
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error
        return file

    def example(self, name: str) -> StrategyText:
        """Return the text of a file to copy: of a shipped example, or of this folder. Raises UsageError for another name."""
        shipped = example_files()
        if name in shipped:
            return _read(name, shipped[name])
        if name in self.names():
            return self.text(name)
        known = ", ".join([*shipped, *self.names()]) or "none yet"
        raise UsageError(f"no strategy is called {name!r}; there are: {known}")

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


def example_files() -> dict[str, Path]:
    """Return the shipped examples by name, sorted."""
    if not EXAMPLES.is_dir():
        return {}
    found = sorted(file for file in EXAMPLES.iterdir() if file.suffix in FORMS and not file.name.startswith(("_", ".")))
    return {file.stem: file for file in found}


def _read(name: str, file: Path) -> StrategyText:
    """Return the text of a file. Raises ConfigurationError in one line."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    return StrategyText(name, FORMS[file.suffix], text, file.name)
