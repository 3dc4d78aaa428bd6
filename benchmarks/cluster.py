"""How much of the time the workers of a large cluster train: a simulation with measured costs of the coordinator.

    python benchmarks/cluster.py [--workers 8 32 128 1000] [--epochs 1 10 60] [--measure]

One coordinator does one thing after the other, in the order of `sweep.coordinator.coordinator`: it hears what has come,
hands segments to idle workers, and draws or keeps one proposal, until it has as many ahead as there are workers. For
each 16 workers, another process draws, of at most `--cores`. Costs are milliseconds of a processor: to draw a proposal,
to have another process draw it, to keep and end a trial, to commit an epoch. `--measure` measures them first on this
machine, with scripted workers and study `everything` of 400 trials. `--word` is what an event takes on its way besides,
and the sign of life that each worker sends once a second.

A network's epoch takes from half to one and a half times the seconds that `--epochs` names. Trials have 2 to 9 epochs.
Each share is that of the second half of 40 epochs, with the rungs of `asha`; "whole" is without rungs, and "alone" with
them, if the coordinator drew each proposal itself. "Ready" is when each worker had its first segment, with rungs.
"""

import argparse
import heapq
import itertools
import math
import random
import tempfile
import warnings
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import optuna
from coordinator import run

from sweep.coordinator.coordinator import WORKERS_PER_PROPOSER
from sweep.search.schedule import Arrival, Schedule, schedule_for
from sweep.study.files import load

LENGTH = 40
"""Epochs that are simulated."""


@dataclass(frozen=True)
class Costs:
    """Seconds of a processor: to draw a proposal; of the coordinator: to have one drawn, to keep and end a trial, to
    commit an epoch, to hear an event.
    """

    draw: float
    hand: float
    trial: float
    epoch: float
    word: float


@dataclass
class Simulated:
    """A trial: how good it is in the end, its number of epochs, the seconds of each, and how far it is."""

    quality: float
    epochs: int
    pace: float
    at: float = 0.0


@dataclass(frozen=True)
class Shares:
    """What workers trained and the coordinator computed, as shares of the time, and when all workers had begun."""

    training: float
    busy: float
    all_began: float


class Simulation:
    """One study on `workers` workers whose epochs take about `seconds`, and `proposers` other processes that draw."""

    def __init__(self, workers: int, seconds: float, costs: Costs, schedule: Schedule, proposers: int) -> None:
        self._workers, self._seconds, self._costs, self._schedule = workers, seconds, costs, schedule
        self._random = random.Random(0)
        self._is_drawn = False
        self._drawn = [costs.draw] * proposers  # when each has drawn its next proposal
        self._until = LENGTH * seconds
        self._idle = workers
        self._now = self._trained = self._computed = 0.0
        self._trials: list[Simulated] = []
        self._paused: set[int] = set()
        self._ready: deque[int] = deque()
        self._coming: list[tuple[float, int]] = []  # when a trial comes to its next place

    def run(self) -> Shares:
        all_began = math.inf
        while self._now < self._until:
            while self._coming and self._coming[0][0] <= self._now:
                self._hear(heapq.heappop(self._coming)[1])
            self._begin()
            if not self._idle:
                all_began = min(all_began, self._now)
            if len(self._ready) < self._workers and not self._awaits():
                self._propose()
            else:
                self._now = max(self._now, self._next_news())
        half = self._until / 2
        return Shares(self._trained / (half * self._workers), self._computed / half, all_began)

    def _awaits(self) -> bool:
        """Whether all other processes still draw."""
        return bool(self._drawn) and self._drawn[0] > self._now

    def _next_news(self) -> float:
        """When the next trial comes to its place, or the next proposal is drawn where one is awaited."""
        drawn = self._drawn[:1] if len(self._ready) < self._workers else []
        return min(drawn + [each for each, _ in self._coming[:1]])

    def _propose(self) -> None:
        """Draws a proposal, and then keeps it. What comes in between is heard first."""
        if not self._is_drawn:
            self._compute(self._costs.hand if self._drawn else self._costs.draw)
            if self._drawn:
                heapq.heapreplace(self._drawn, self._now + self._costs.draw)
        else:
            self._compute(self._costs.trial)
            pace = self._seconds * self._random.uniform(0.5, 1.5)
            self._ready.append(len(self._trials))
            self._trials.append(Simulated(self._random.random(), self._random.randint(2, 9), pace))
        self._is_drawn = not self._is_drawn

    def _compute(self, seconds: float) -> None:
        """Lets the clock advance; signs of life are heard meanwhile."""
        signs = self._costs.word * (self._workers - self._idle)
        taken = seconds / max(1e-3, 1 - signs)
        self._computed += self._in_window(self._now, self._now + taken)
        self._now += taken

    def _in_window(self, begin: float, end: float) -> float:
        """How much of a time lies in the second half."""
        return max(0.0, min(end, self._until) - max(begin, self._until / 2))

    def _begin(self) -> None:
        promotable = self._schedule.promotable(self._paused)[: self._idle] if self._idle and self._paused else []
        for number in promotable:
            self._paused.remove(number)
            self._train(number)
        while self._idle and self._ready:
            self._train(self._ready.popleft())

    def _train(self, number: int) -> None:
        self._idle -= 1
        self._go_on(number, self._now)

    def _go_on(self, number: int, began: float) -> None:
        """A trial trains to its next place: the end of an epoch, or its next rung."""
        trial = self._trials[number]
        place = min(math.floor(trial.at) + 1, self._schedule.next_rung(trial.at, trial.epochs))
        end = began + trial.pace * (place - trial.at)
        self._trained += self._in_window(began, end)
        trial.at = place
        heapq.heappush(self._coming, (end, number))

    def _hear(self, number: int) -> None:
        """An epoch has ended: it is committed, and its trial goes on, pauses, or ends."""
        came, trial = self._now, self._trials[number]
        self._compute(self._costs.epoch + self._costs.word)
        score = trial.quality - 0.5 / (1 + trial.at) + self._random.gauss(0, 0.05)
        self._schedule.reached(Arrival(number, trial.at, trial.epochs, score, trial.at * trial.pace))
        ends, halts = trial.at == trial.epochs, self._schedule.halts(number, trial.at)
        if not ends and not halts:
            return self._go_on(number, came if self._is_within(trial) else self._now)
        self._idle += 1
        if not ends:
            self._paused.add(number)
        return None

    def _is_within(self, trial: Simulated) -> bool:
        """Whether its worker has a segment further, and need not wait to be told."""
        return self._schedule.next_rung(trial.at - 1e-9, trial.epochs) > trial.at


def measured() -> Costs:
    """The costs on this machine, medians of three: a trial's and an epoch's are told apart by long and short trials."""
    study = load("everything")
    rests: dict[int, list[float]] = {2: [], 22: []}
    with tempfile.TemporaryDirectory() as folder:
        for epochs, rest in rests.items():
            plain = study.replaced(sampler="random", pruner="none")
            base = plain.base.replaced({"epochs": epochs})
            one = plain.replaced(base=base, space={n: each for n, each in plain.space.items() if n != "epochs"})
            rest += [run(one.replaced(trials=20 * n), str(Path(folder, f"{epochs}.db"))).rest for n in (1, 2, 3)]
        storage = str(Path(folder, "drawn.db"))
        run(study.replaced(sampler="random", trials=400), storage)
        drawing = run(study.replaced(sampler="tpe", trials=415), storage).drawing
        handing = run(study.replaced(sampler="tpe", trials=475), storage, workers=32).drawing
    short, long = (median(rest) for rest in rests.values())
    epoch = (long - short) / 20
    return Costs(median(drawing), median(handing), max(0.0, short - 2 * epoch), epoch, 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 32, 128, 1_000])
    parser.add_argument("--epochs", type=float, nargs="+", default=[1, 10, 60], help="seconds of an epoch")
    parser.add_argument("--cores", type=int, default=8, help="cores of the coordinator's machine")
    parser.add_argument("--draw", type=float, default=41)
    parser.add_argument("--hand", type=float, default=6)
    parser.add_argument("--trial", type=float, default=7.5)
    parser.add_argument("--epoch", type=float, default=0.5)
    parser.add_argument("--word", type=float, default=0)
    parser.add_argument("--measure", action="store_true", help="measure these costs first, but for --word")
    options = parser.parse_args()
    costs = Costs(*(each / 1000 for each in (options.draw, options.hand, options.trial, options.epoch, options.word)))
    if options.measure:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        costs = replace(measured(), word=costs.word)
    print("milliseconds:", ", ".join(f"{name} {1000 * cost:.1f}" for name, cost in vars(costs).items()))
    print(f"{'workers':>8}{'epoch':>8}{'rungs':>10}{'busy':>9}{'ready':>10}{'whole':>10}{'busy':>9}{'alone':>10}")
    for seconds, workers in itertools.product(options.epochs, options.workers):
        proposers = min(workers // WORKERS_PER_PROPOSER, options.cores)
        rungs, whole, alone = (
            Simulation(workers, seconds, costs, schedule_for(pruner), each).run()
            for pruner, each in (("asha", proposers), ("none", proposers), ("asha", 0))
        )
        ready = "never" if math.isinf(rungs.all_began) else f"{rungs.all_began:.1f} s"
        print(
            f"{workers:>8}{seconds:>6g} s{rungs.training:>10.1%}{rungs.busy:>9.0%}{ready:>10}"
            f"{whole.training:>10.1%}{whole.busy:>9.0%}{alone.training:>10.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
