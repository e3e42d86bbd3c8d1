"""Start the program, from the console script or by `python -m tradectl`."""

import atexit
import gc

from tradectl.streams import secure


def main() -> None:
    """Make the standard streams safe, then run the command line.

    The start creates about a hundred thousand objects and discards few. Garbage collection would take a tenth of the start-up
    time and a fifth of the exit time. So its threshold is raised before other modules are imported.
    """
    secure()
    gc.set_threshold(500_000)
    atexit.register(gc.freeze)
    from tradectl.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
