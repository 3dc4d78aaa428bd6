"""Does "what mattered" name parameters that do nothing? Searches of made-up networks, some of whose parameters matter.

    python benchmarks/importance.py [--studies 200] [--workers 2]

Each study has 50 trials of two parameters that matter and four that do nothing. TPE proposes them, as in `sweep run`;
in studies with rungs, the schedule of `sweep` pauses and promotes them. A run has a noise of 0.17 points. Printed is in
which share of studies a parameter that does nothing passes the floor, and in which one that matters does. Version 0.1.0
ranked all trials together: "before". `tests/reports/test_effects.py` holds the bound of 5 %.
"""

import argparse
import copy
import math
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from unittest.mock import patch

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from reports import effects
from sweep.models.parameters import Value
from sweep.search._memory import Memory
from sweep.search.samplers import suggest
from sweep.search.schedule import Arrival, Schedule, SuccessiveHalving, ToTheEnd
from sweep.space.space import Choice, Float, Int, Range

TRIALS, EPOCHS, NOISE = 50, 9, 0.0017
MATTER: dict[str, Range] = {"learning_rate": Float(1e-4, 1e-2, log=True), "batch_size": Choice((32, 64, 128, 256))}
INERT: dict[str, Range] = {
    "dropout": Float(0.0, 0.5),
    "weight_decay": Float(1e-6, 1e-2, log=True),
    "dense_units": Int(16, 128),
    "activation": Choice(("relu", "elu", "tanh")),
}
SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
    "random": optuna.samplers.RandomSampler,
}


def accuracy(values: Mapping[str, Value], epoch: float) -> float:
    """Without noise: best at a rate of 0.001 and in small batches, and higher with each epoch."""
    rate, batch = float(values["learning_rate"]), float(values["batch_size"])
    peak = 0.99 - 0.02 * math.log10(rate / 1e-3) ** 2 - 0.003 * math.log2(batch / 32)
    return peak - 0.04 * math.exp(-0.8 * epoch)


class Search:
    """One search, with one worker: it takes up who is promoted before it begins another trial."""

    def __init__(self, sampler: str, rungs: bool, seed: int) -> None:
        self._schedule: Schedule = SuccessiveHalving() if rungs else ToTheEnd()
        self._source, self._memory = np.random.default_rng(seed), Memory()
        chosen = SAMPLERS[sampler](seed)
        self._study = optuna.create_study(storage=self._memory, direction="maximize", sampler=chosen)
        self._rows: list[dict[str, Value]] = []
        self._trials: list[optuna.Trial] = []
        self._paused: set[int] = set()

    def run(self) -> pd.DataFrame:
        """The frame of a result, as far as `effects.importance` looks at it."""
        while promotable := self._schedule.promotable(self._paused) or len(self._trials) < TRIALS:
            self._go_on(promotable[0] if isinstance(promotable, list) else self._begin())
        return pd.DataFrame(self._rows)

    def _begin(self) -> int:
        trial = self._study.ask()
        values = {name: suggest(trial, name, span) for name, span in (MATTER | INERT).items()}
        self._trials.append(trial)
        self._rows.append({"trial": trial.number, "baseline": trial.number == 0, "trained_epochs": 0.0, **values})
        return trial.number

    def _go_on(self, number: int) -> None:
        row, trial = self._rows[number], self._trials[number]
        self._paused.discard(number)
        self._memory.hide(number)
        while not (reached := float(row["trained_epochs"])) or not self._schedule.halts(number, reached):
            rung = self._schedule.next_rung(reached, EPOCHS)
            score = accuracy(row, rung) + NOISE * float(self._source.standard_normal())
            row.update(score=score, expected=score, trained_epochs=rung, outcome="completed")
            trial.report(score, math.floor(rung))
            self._schedule.reached(Arrival(number, rung, EPOCHS, score))
            if rung == EPOCHS:
                self._study.tell(trial, score)
                return
        row.update(outcome="paused")
        self._paused.add(number)
        shown = copy.copy(self._memory.get_trial(number))
        shown.state = TrialState.PRUNED
        self._memory.show(shown)


def named(seed: int, sampler: str, rungs: bool) -> dict[str, bool]:
    """Whether some parameter that does nothing, and some that matters, passes the floor: in blocks and without."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = Search(sampler, rungs, seed).run()
    found: dict[str, bool] = {}
    for way, size, together in (("now", effects.BLOCK, frame), ("before", TRIALS, frame.assign(outcome="completed"))):
        with patch.object(effects, "BLOCK", size):
            table = effects.importance(together, MATTER | INERT)
        passed = set(table.loc[table["share"] > table["floor"], "name"])
        found |= {f"inert {way}": bool(passed & INERT.keys()), f"matters {way}": bool(passed & MATTER.keys())}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    names = ("inert before", "inert now", "matters before", "matters now")
    print(f"{'':22}" + "".join(f"{name:>16}" for name in names))
    with ProcessPoolExecutor(options.workers) as pool:
        for sampler in SAMPLERS:
            for rungs in (False, True):
                found = list(pool.map(partial(named, sampler=sampler, rungs=rungs), range(options.studies)))
                cells = "".join(f"{np.mean([each[name] for each in found]):16.3f}" for name in names)
                print(f"{sampler + (', rungs' if rungs else ''):22}{cells}", flush=True)


if __name__ == "__main__":
    main()
