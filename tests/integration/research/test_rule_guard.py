"""The guard of a rule: what its code may not do is refused and kept, and the rest of the process goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import json, sys
from pathlib import Path
from tradectl.research.strategy_check.guard import ForbiddenCall, install
import numpy
guard = install()
found = []
for text in json.loads(sys.argv[1]):
    kept = len(guard.refused)
    code = compile(text, "rule.py", "exec")
    try:
        with guard:
            exec(code, {})
    except ForbiddenCall:
        pass
    except Exception as error:
        guard.refused.append(f"{type(error).__name__}: {error}")
    found.append(guard.refused[kept:])
import datetime, random, time
outside = [time.time() > 0, random.random() < 1, datetime.datetime.now().year > 2000, Path(sys.argv[2]).read_text() == "text"]
outside += [isinstance(datetime.datetime.now(), datetime.datetime), numpy.random.default_rng(1).random() < 1]
print(json.dumps([found, outside]))
"""
REFUSED = {
    "import time; time.time()": "it reads the clock (time.time), line 1",
    "from time import monotonic\nmonotonic()": "it reads the clock (time.monotonic), line 2",
    "import datetime; datetime.datetime.now()": "it reads the clock (datetime.datetime.now), line 1",
    "from datetime import date; date.today()": "it reads the clock (datetime.date.today), line 1",
    "import random; random.random()": "it draws a random number (random.random), line 1",
    "import random; random.Random()": "it draws random numbers (random.Random), line 1",
    "import random; random.SystemRandom().random()": "it draws random",
    "import numpy; numpy.random.rand()": "it draws a random number (numpy.random.rand), line 1",
    "import numpy; numpy.random.default_rng()": "it draws a random number (numpy.random.default_rng), line 1",
    "import os; os.urandom(3)": "it draws random bytes (os.urandom), line 1",
    "import uuid; uuid.uuid4()": "it draws random bytes (os.urandom), line 1",
    "open('/etc/hostname')": "it opens the file /etc/hostname, line 1",
    "open('new.txt', 'w')": "it opens the file new.txt, line 1",
    "import os; open(os.__file__ + '/../../../etc', 'r')": "it opens the file",
    "import os; open(os.__file__, 'r+')": "it opens the file",
    "from pathlib import Path; Path('/etc/hostname').read_text()": "it opens the file /etc/hostname, line 1",
    "import os; os.listdir('/etc')": "it lists the folder /etc, line 1",
    "import os; os.path.getmtime('/etc/hostname')": "it looks for a file (os.stat), line 1",
    "import os; os.remove('nosuch')": "it causes os.remove, line 1",
    "import socket; socket.create_connection(('127.0.0.1', 9))": "it causes socket.",
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')": "it causes ",
    "import subprocess; subprocess.run(['true'])": "it ",
    "import os; os.system('true')": "it causes os.system, line 1",
    "import os; os.fork()": "it causes os.fork, line 1",
    "import threading; threading.Thread(target=print).start()": "it starts a thread, line 1",
    "import sqlite3; sqlite3.connect(':memory:')": "it causes sqlite3.connect, line 1",
    "try:\n    open('/etc/hostname')\nexcept Exception:\n    pass": "it opens the file /etc/hostname, line 2",
}
ALLOWED = (
    "import math, statistics, fractions, colorsys, wave; math.sqrt(4)",
    "import numpy; numpy.convolve([1.0, 2.0], [1.0]); numpy.random",
    "import datetime; assert datetime.date(2024, 1, 2) < datetime.date.fromordinal(800000)",
    "import datetime; assert isinstance(datetime.datetime(2024, 1, 2), datetime.datetime)",
    "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nassert A(3) == A(3)",
)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[list[str]], list[bool]]:
    """What a process with the guard refused of each text, and whether the same is possible outside of the guard."""
    file = Path(tmp_path_factory.mktemp("guard")) / "file.txt"
    file.write_text("text")
    words = [sys.executable, "-c", RUN, json.dumps([*REFUSED, *ALLOWED]), str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=file.parent)
    assert done.returncode == 0, done.stderr
    found, outside = json.loads(done.stdout)
    return found, outside


def test_each_forbidden_call_is_refused_and_named(outcome: tuple[list[list[str]], list[bool]]) -> None:
    refused = dict(zip(REFUSED, outcome[0], strict=False))
    assert {text: lines for text, lines in refused.items() if not any(REFUSED[text] in line for line in lines)} == {}


def test_calculations_and_imports_are_allowed(outcome: tuple[list[list[str]], list[bool]]) -> None:
    assert outcome[0][len(REFUSED) :] == [[] for _ in ALLOWED]


def test_outside_of_the_guard_nothing_changes(outcome: tuple[list[list[str]], list[bool]]) -> None:
    assert outcome[1] == [True] * 6
