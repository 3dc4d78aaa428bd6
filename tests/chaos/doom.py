"""A worker whose environment names this file runs it first: it kills itself where the file $DOOM says.

The file holds names of points, a line each: the first worker to come to the first of them dies there, and takes that
line with it. Beside the file, "trained.txt" gets a line for each epoch that was trained to its end.
"""

import functools
import os
import pickle
import signal
import sys
from pathlib import Path

DOOM = Path(os.environ["DOOM"])
TRAINED = DOOM.with_name("trained.txt")


def here(point: str) -> None:
    """Ends this process, if this is where it shall die."""
    if doomed(point):
        DOOM.write_text("\n".join(DOOM.read_text().splitlines()[1:]))
        os.kill(os.getpid(), signal.SIGKILL)


def doomed(point: str) -> bool:
    return DOOM.exists() and DOOM.read_text().splitlines()[:1] == [point]


def around(holder, name, before=lambda *_: None, after=lambda *_: None):
    original = getattr(holder, name)

    @functools.wraps(original)
    def wrapped(*args, **kwargs):
        before(*args)
        result = original(*args, **kwargs)
        after(result, *args)
        return result

    setattr(holder, name, wrapped)


def before_message(message, _):
    if type(message).__name__ == "WorkerReady":
        spoil_training()
    here(f"before {type(message).__name__}")


def spoil_training():
    """Once it is imported: points within an epoch and within the writing of a state."""
    training = sys.modules["sweep.training.loop"]
    around(training.Training, "__init__", before=lambda *_: here("before the network is built"))
    around(training.Training, "restore", before=lambda *_: here("before the state is read"))
    around(training.Pass, "go_through", after=lambda *_: TRAINED.exists() and here("mid-epoch"))
    around(training.Training, "advance", after=log)
    around(training.np, "savez", after=half_written)
    around(
        Path,
        "replace",
        before=lambda *_: here("before the state takes its name"),
        after=lambda *_: here("after the state took its name"),
    )


def log(epoch, training, *_):
    if epoch is not None:
        with TRAINED.open("a") as lines:
            lines.write(f"{training.run.fingerprint} {epoch.epoch}\n")


def half_written(_, file, **__):
    if doomed("while the state is written"):
        file.truncate(file.tell() // 2)
        here("while the state is written")


here("while it starts")
around(pickle, "dump", before=before_message, after=lambda _, message, *__: here(f"after {type(message).__name__}"))
