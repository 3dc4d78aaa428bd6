"""Coordinators that are killed: real processes and a real SIGKILL, at a named point of their flow."""

import functools
import itertools
import multiprocessing
import os
import pkgutil
import signal
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from samples.chaos import Place
from sweep.study.study import Study

PATIENCE = 120.0
"""Seconds after which a test gives up on a process."""


@dataclass(frozen=True)
class Point:
    """The `nth` call of a function, such as "sweep.storage.runs:Runs.add_epoch", just before it or just after."""

    when: str
    function: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.function.partition(':')[2]} {self.nth}"


def arm(point: Point) -> None:
    """Has this process kill itself there; a function "commit" stands for all that is written to a database."""
    calls = itertools.count(1)
    if point.function == "commit":
        event.listen(Engine, "commit", lambda _: next(calls) == point.nth and _die())
        return
    owner, _, name = point.function.rpartition("." if "." in point.function.partition(":")[2] else ":")
    holder = pkgutil.resolve_name(owner)
    original = getattr(holder, name)

    @functools.wraps(original)
    def deadly(*args, **kwargs):
        if next(calls) != point.nth:
            return original(*args, **kwargs)
        if point.when == "after":
            original(*args, **kwargs)
        _die()

    setattr(holder, name, deadly)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run(study: Study, folder: Path, point: Point, workers: int) -> None:
    place = Place(folder)
    arm(point)
    place.run(study, workers=workers)


def killed(study: Study, place: Place, point: Point, workers: int = 1) -> bool:
    """Runs a study in a process that dies at a point; returns whether it came there."""
    context = multiprocessing.get_context("forkserver")  # what a process needs is imported once, then it is forked
    context.set_forkserver_preload(["samples.kills"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        forkserver.ensure_running()
    process = context.Process(target=_run, args=(study, place.folder, point, workers))
    process.start()
    process.join(PATIENCE)
    code = process.exitcode
    process.kill()
    process.join()
    process.close()
    assert code in (0, -signal.SIGKILL)
    return code == -signal.SIGKILL
