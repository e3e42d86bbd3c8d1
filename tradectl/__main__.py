"""The program's beginning: the console script, and `python -m tradectl`."""

import atexit
import gc

from tradectl.streams import secure


def main() -> None:
    """Make the standard streams safe, then run the command line.

    A start makes some hundred thousand objects and discards few. Garbage collection would take a tenth of the start, and a fifth
    at the end, when the whole process goes. So it is limited before other modules are loaded.
    """
    secure()
    gc.set_threshold(500_000)
    atexit.register(gc.freeze)
    from tradectl.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
