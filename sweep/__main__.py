import os
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.path[0] == os.getcwd() != str(Path(__file__).parents[1]):  # noqa: PTH109 - as Python itself writes it there
        del sys.path[0]  # `python -m` puts the current folder there, in which a `random.py` of the user may lie

    from sweep.cli.app import main

    main()
