"""Measure the start of whole processes against a bare start of the libraries that such a program needs.

Each line is the user and system processor time of one process from start to end. It is a ratio to
`python -c 'import typer, sqlite3'`, run alternately with it, because seconds depend on the machine. Bytecode is stored in a
temporary folder, as an installed program has it. A first round that fills the folder is not counted.

    python benchmarks/start.py
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from tradectl import bootstrap
from tradectl.ledger.executions import Claim
from tradectl.ledger.process_identity import current_identity
from tradectl.model.moment import IST
from tradectl.settings import load
from tradectl.streams import secure, wait_for_reader

ROOT = Path(__file__).parents[1]
AT = "2023-07-21 16:10"
BARE = ("-c", "import typer, sqlite3")
TRADECTL = ("-m", "tradectl")
COMMANDS: Mapping[str, Sequence[str]] = {
    "--version": (*TRADECTL, "--version"),
    "a usage error": (*TRADECTL, "nonsense"),
    "buy --help": (*TRADECTL, "buy", "--help"),
    "--help": (*TRADECTL, "--help"),
    "orders": (*TRADECTL, "orders", "--at", AT),
    "status": (*TRADECTL, "status", "--at", AT),
    "run-due, nothing due": (*TRADECTL, "run-due", "--at", AT),
    "buy, already completed": (*TRADECTL, "buy", "--at", AT),
    "SQLAlchemy alone": ("-c", "import typer, sqlite3, sqlalchemy.dialects.sqlite"),
    "SQLAlchemy and numpy": ("-c", "import typer, sqlite3, sqlalchemy.dialects.sqlite, numpy"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    found = measure(parser.parse_args().rounds)
    print(f"a bare start takes {found.pop('bare start, seconds'):.3f} s; each command as a multiple of it, median of the rounds:")
    for name, ratio in found.items():
        print(f"{name:24s} {ratio:6.2f}")


def measure(rounds: int = 9) -> dict[str, float]:
    """Return the median ratio of each command to the bare start of its round, and the bare start's median in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        make_home(Path(folder) / "home")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRADECTL"))}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
            "TRADECTL_HOME": f"{folder}/home",
        }
        bare: list[float] = []
        ratios: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for number in range(rounds + 1):
            one = {name: seconds(words, environment) for name, words in {"": BARE, **COMMANDS}.items()}
            if number:
                bare.append(one[""])
                for name, taken in ratios.items():
                    taken.append(one[name] / one[""])
    return {name: median(taken) for name, taken in ratios.items()} | {"bare start, seconds": median(bare)}


def make_home(home: Path) -> None:
    """Make a home in which the task `buy` of the session has completed, and no other is due: `analyze` is disabled.

    The round that is not counted records the missed slots of the morning."""
    ledger = bootstrap.init(load(home=str(home), at=AT, environment={})).ledger
    now = datetime.fromisoformat(AT).replace(tzinfo=IST)
    claim = ledger.executions.claim("buy", now.date(), "", owner=current_identity(), trigger="manual", machine_now=now, now=now)
    assert isinstance(claim, Claim)
    ledger.executions.finish(claim, "completed", {"placed": 0}, now=now, steps=1)
    ledger.schedules.disable("analyze")
    ledger.database.close()


def seconds(words: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the user and system processor time of one Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], env=dict(environment), capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    secure()
    wait_for_reader()
    main()
