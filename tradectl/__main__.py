"""The program's beginning: the console script, and `python -m tradectl`."""

import atexit
import gc

from tradectl.streams import secure


def main() -> None:
    """Run the command line; first of all the standard streams are made safe.

    A start makes some hundred thousand objects and throws few of them away. To look through them for garbage again and again
    would be a tenth of it, and once more at the end, when the whole process goes, a fifth; so that is settled before anything
    is loaded.
    """
    secure()
    gc.set_threshold(500_000)
    atexit.register(gc.freeze)
    from tradectl.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
