"""Processes that begin studies at the same moment, each time in a new database. Workers follow a script.

Run as a program: `together.py NUMBER OF DATA STORAGE...` runs study NUMBER of OF in each database in turn.
"""

import subprocess
import sys
import time
from pathlib import Path

import sweep
from sweep.api import workplace
from sweep.engines.scripted import ScriptedEngine
from sweep.space.space import Choice
from sweep.study.study import Study


def run_together(count: int, data: str, folder: Path, storages: list[str]) -> list[str]:
    """Runs as many studies at once in each of these databases; returns what each of the processes complained of."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", __file__, str(number), str(count), data, *storages],  # -P: no studies.py from here
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for number in range(count)
    ]  # fmt: skip
    return [process.communicate(timeout=300)[1] for process in processes]


def _meet(place: str, number: str, count: int) -> None:
    """Waits until all processes are here."""
    Path(f"{place}-{number}.here").touch()
    while len(list(Path().glob(f"{place}-*.here"))) < count:
        time.sleep(0.001)


def _main(number: str, count: str, data: str, *storages: str) -> None:
    workplace.LocalEngine = lambda *_: ScriptedEngine()
    study = Study(
        name=f"study-{number}", data=data, validation=1_000, trials=2, base={"epochs": 1},
        space={"dense_units": Choice((32, 64, 128))},
    )  # fmt: skip
    for round_, storage in enumerate(storages):
        _meet(f"round-{round_}", number, int(count))
        try:
            sweep.run(study, storage=storage, workers=1)
        except sweep.SweepError as error:
            sys.stderr.write(f"{storage}: {error}\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
