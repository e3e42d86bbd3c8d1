"""Start one command and wait for it; print its resource use on the first line, then its output.

This is a separate small program; `timing.run_process` explains why.
"""

# ruff: noqa: T201

import json
import os
import signal
import sys
import tempfile
from time import perf_counter

KILOBYTE, MEGABYTE = 1 << 10, 1 << 20


def main() -> None:
    command = sys.argv[1:]
    with tempfile.TemporaryFile() as output:
        begun = perf_counter()
        action = [(os.POSIX_SPAWN_DUP2, output.fileno(), 1)]
        _, status, used = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=action), 0)
        elapsed = perf_counter() - begun
        unit = 1 if sys.platform == "darwin" else KILOBYTE
        figures = {
            "code": os.waitstatus_to_exitcode(status),
            "elapsed": elapsed,
            "cpu": used.ru_utime + used.ru_stime,
            "peak": used.ru_maxrss * unit / MEGABYTE,
        }
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the reader may end before this program does
        print(json.dumps(figures), flush=True)
        output.seek(0)
        sys.stdout.buffer.write(output.read())


if __name__ == "__main__":
    main()
