"""Processes that draw a study's next points, side by side, while the coordinator sees to its workers.

    python -m sweep.search._proposers SECONDS FOLDER

`Proposers` alone starts one. It reads a space, and then for each point a seed and the trials that TPE is to learn from.
"""

import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from sweep.search._memory import Memory
from sweep.search._normal import at_once
from sweep.search.samplers import quiet, suggest, tpe
from sweep.space.space import Space
from sweep.system.children import Child, arrive, messages, started
from sweep.system.machine import cores

MOST = 8
"""So many draw faster than the coordinator keeps what they draw."""

PATIENCE = 10.0
"""Seconds after which a process that draws is taken for one that hangs."""

Params = dict[str, Any]
"""What a sampler drew for a trial, as Optuna keeps it."""


class Proposers:
    """At most `count` processes that draw points of a space with TPE, each one point at a time.

    There are no more than cores, and no more than `MOST`. One that dies or hangs is not replaced: whoever needs a point
    can draw it.
    """

    def __init__(self, space: Space, count: int) -> None:
        self._space, self._count = space, min(count, cores(), MOST)
        self._children: list[Child] = []
        self._idle: list[Child] = []
        self._drawing: dict[Child, tuple[int, float]] = {}  # for which trial, and since when
        self._drawn: dict[int, Params] = {}
        self._news: queue.SimpleQueue[tuple[Child, Params | None]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        for _ in range(self._count):
            child = Child.begin(__name__, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
            child.send(self._space)
            self._children.append(child)
            threading.Thread(target=_listen, args=(child, self._news), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
        while self._children:
            self._children.pop().end()

    def missing(self, first: int) -> list[int]:
        """The trials from a number on of which no process draws a point, one for each idle process.

        There are no more points ahead than processes, so that each is drawn after most of the trials before it.
        """
        self._hear()
        begun = self._drawn.keys() | {number for number, _ in self._drawing.values()}
        free = [number for number in range(first, first + len(self._children)) if number not in begun]
        return free[: len(self._idle)]

    def draw(self, number: int, seed: int, history: Sequence[FrozenTrial]) -> None:
        """Has an idle process draw the point of a trial."""
        child = self._idle.pop()
        self._drawing[child] = number, time.monotonic()
        child.send((seed, history))

    def awaits(self, number: int) -> bool:
        """Whether a process still draws the point of a trial, and does not hang."""
        now = time.monotonic()
        return any(number == each and now - since < PATIENCE for each, since in self._drawing.values())

    def take(self, number: int) -> Params | None:
        """What was drawn for a trial, None if nothing was."""
        return self._drawn.pop(number, None)

    def _hear(self) -> None:
        """Takes in what has come. The first message of a process says that it is ready, with no values."""
        while not self._news.empty():
            child, params = self._news.get()
            number, _ = self._drawing.pop(child, (None, 0.0))
            if params is None:
                for children in (self._children, self._idle):
                    if child in children:
                        children.remove(child)
                child.end()
                continue
            self._idle.append(child)
            if number is not None:
                self._drawn[number] = params


class Given(BaseSampler):
    """Gives a trial what was drawn for it elsewhere."""

    def __init__(self, params: Params) -> None:
        self._params = params

    def infer_relative_search_space(self, *_: Any) -> Params:
        return {}

    def sample_relative(self, *_: Any) -> Params:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        return self._params[param_name]


def drawn(space: Space, seed: int, history: Sequence[FrozenTrial]) -> Params:
    """What TPE draws after these trials, which are renumbered. They are in the order of their numbers."""
    with quiet(), at_once():
        memory = Memory()
        study = optuna.create_study(storage=memory, direction="maximize", sampler=tpe(seed))
        memory.load(study._study_id, history)
        trial = study.ask()
        space.walk(partial(suggest, trial))
        return trial.params


def _listen(child: Child, news: "queue.SimpleQueue[tuple[Child, Params | None]]") -> None:
    for params in child.answers():
        news.put((child, params))
    news.put((child, None))


# In the process


def main(seconds: str, folder: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the coordinator, which decides
    answers, arriving = arrive(seconds), messages(folder)
    space = next(arriving)
    answer: Params = {}
    started()
    while True:
        pickle.dump(answer, answers)
        answers.flush()
        answer = drawn(space, *next(arriving))


if __name__ == "__main__":
    main(*sys.argv[1:])
