"""`python -m tradectl`, the same program as the console script."""

from tradectl.cli.app import main

if __name__ == "__main__":
    main()
