"""Made-up results for the report's tests: no training behind them, but the columns of real ones."""

import math
import random
from dataclasses import replace

import numpy as np
import pandas as pd

from sweep.models.model import Infeasible
from sweep.results.columns import CURVE_COLUMNS, CURVE_TYPES, TRIAL_COLUMNS, TRIAL_TYPES
from sweep.results.forecast import judged
from sweep.results.result import Result
from sweep.results.verdict import SealedTest
from sweep.space.configuration import PARAMETERS
from sweep.space.space import Choice, Float, Int
from sweep.study.study import Study
from sweep.verdict.estimates import difference, estimate
from sweep.verdict.statistics import Candidate, conclude

SPACE = {
    "learning_rate": Float(1e-4, 3e-3, log=True),
    "batch_size": Choice((32, 64, 128)),
    "conv1_filters": Int(8, 64, log=True),
    "conv1_stride": Int(1, 2),
}
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}<a href='http://evil.example/'>`x`\x00"
START = pd.Timestamp("2026-01-01 12:00", tz="UTC")
PROVENANCE = {
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1", "optuna": "5.0.0"},
    "machine": "8 cores, 16 GB",
    "threads": 2,
    "precision": "float32",
    "data_digest": "741c988805d008ac",
}


def study(space=None, **fields):
    return Study(**{"name": "quickstart", "trials": 12, "space": space or SPACE} | fields)


def frame_of(rows):
    """A frame as `sweep.results.result` gives it, from rows that say only what matters to a test."""
    parameters = [name for name in PARAMETERS if any(name in row for row in rows)]
    columns = [*TRIAL_COLUMNS, *parameters]
    given = {
        "outcome": "completed",
        "reason": "",
        "detail": "",
        "baseline": False,
        "trained_epochs": 5,
        "reused_epochs": 0,
        "reused_from": "",
        "seconds": 60.0,
        "folds": 1,
        "attempts": 1,
        "parameters": 1_111_946,
        "flops": 28_900_000,
        "seed": 0,
        "fingerprint": "f",
        "origin": "",
        "note": "",
        "started": pd.Timestamp("2026-01-01", tz="UTC"),
        "finished": pd.Timestamp("2026-01-01 00:01", tz="UTC"),
    }
    frame = pd.DataFrame([given | row for row in rows], columns=columns)
    frame = frame.astype(TRIAL_TYPES)
    frame["cost"] = frame["cost"].fillna(frame["seconds"] * (1 - frame["reused_epochs"] / frame["trained_epochs"]))
    return judged(frame, curves_of([]), study().validation)


def curves_of(rows):
    """Curves as `sweep.results.result` gives them; a row may leave out when its epoch ended."""
    columns = list(CURVE_COLUMNS)
    rows = [(*row, pd.NaT)[: len(columns)] for row in rows]
    table = pd.DataFrame(rows, columns=columns).astype(CURVE_TYPES)
    return table.assign(finished=pd.to_datetime(table["finished"], utc=True))


def result_of(rows, curves=(), **fields):
    """A result from (sparse) rows of its frame and of its curves."""
    tried, points = study(**fields), curves_of(list(curves))
    return Result(tried, judged(frame_of(list(rows)), points, tried.validation), points, PROVENANCE)


def rows_of(*scores, **fields):
    """Rows with these scores; the first is the baseline."""
    return [
        {"trial": trial, "score": score, "baseline": trial == 0, "learning_rate": 1e-4 * (1 + trial)} | fields
        for trial, score in enumerate(scores)
    ]


def sample(trials, space=None, seed=0, **fields):
    """A study as a search might leave it: noise, trials stopped early, some that diverge or cannot exist."""
    source = random.Random(seed)
    tried = study(space, **{"trials": max(1, trials)} | fields)
    rows, curves = [], []
    free = [START, START]
    for trial in range(trials):
        configuration = tried.base if trial == 0 else tried.searched.configuration(tried.searched.sample(source))
        values = configuration.values()
        row = {"trial": trial, "baseline": trial == 0, **values}
        try:
            network = configuration.inspect((28, 28, 1), 10)
        except Infeasible as reason:
            rows.append(row | {"outcome": "infeasible", "reason": f"{reason}", "seconds": 0.0, "trained_epochs": 0})
            continue
        peak = (
            0.9885 - 0.0022 * abs(math.log10(values["learning_rate"]) + 3.1) ** 2 - 0.002 * (values["conv1_stride"] - 1)
        )
        peak += source.gauss(0, 0.0009) if trial else -0.0005
        outcome, reason, epochs = "completed", "", values["epochs"]
        chance = source.random() if trial else 0.5
        if chance < 0.07:
            outcome, reason, peak, epochs = (
                "diverged",
                "the loss became infinite in epoch 2",
                0.098,
                min(epochs, 2),
            )
        elif chance < 0.25 and epochs > 1:
            outcome, epochs = "pruned", source.randint(1, epochs - 1)
            reason = f"at epoch {epochs} behind half of the others"
        elif chance > 0.97:
            outcome, reason, epochs = "failed", "the worker ran out of memory", 0
        accuracy, pace = None, round(1.5 + network.flops / 1.5e6, 1)
        began = min(free)
        for epoch in range(1, epochs + 1):
            accuracy = round(max(0.09, peak - 0.06 * math.exp(-0.95 * (epoch - 1)) + source.gauss(0, 0.0006)), 4)
            loss = 1.2 * (1 - accuracy) * 3
            curves.append((trial, epoch, loss * 1.1, accuracy - 0.001, loss, accuracy, pace))
        score = {} if accuracy is None else {"score": accuracy}
        ended = began + pd.Timedelta(seconds=pace * epochs + 1)
        free[free.index(began)] = ended
        cost = {"seconds": pace * epochs, "parameters": network.parameters, "flops": network.flops}
        times = {"started": began, "finished": ended}
        rows.append(row | score | cost | times | {"outcome": outcome, "reason": reason, "trained_epochs": epochs})
    return Result(tried, frame_of(rows), curves_of(curves), PROVENANCE)


RUNGS = (0.25, 1, 3, 5)


def halted(trials, seed=0):
    """A study under successive halving: everybody to the first rung, the best third of these to the next, and so on."""
    source = random.Random(seed)
    tried = study(trials=trials, pruner="asha")
    rows, curves, free = [], [], [START, START]
    for trial in range(trials):
        point = tried.base if trial == 0 else tried.searched.configuration(tried.searched.sample(source))
        peak = 0.985 + 0.001 * source.gauss(0, 1)
        rows.append({"trial": trial, "baseline": trial == 0, "peak": peak, **point.values()})
    racing = list(rows)
    for before, rung in zip((0, *RUNGS), RUNGS, strict=False):
        for row in racing:
            lane = free.index(min(free))
            row.setdefault("started", free[lane])
            for epoch in [rung] if rung <= 1 else range(before + 1, rung + 1):
                seconds = 10.0 * (epoch - max(before, epoch - 1))
                free[lane] += pd.Timedelta(seconds=seconds)
                accuracy = round(row["peak"] - 0.05 * math.exp(-0.9 * epoch), 4)
                curves.append((row["trial"], epoch, 0.1, accuracy, 0.1, accuracy, seconds, free[lane]))
            row |= {"score": accuracy, "trained_epochs": float(rung), "finished": free[lane]}
        best = sorted(racing, key=lambda row: -row["score"])[: max(1, len(racing) // 3)]
        racing = [row for row in racing if row in best or row["baseline"]]
    for row in rows:
        row["outcome"] = "completed" if row["trained_epochs"] == RUNGS[-1] else "paused"
        del row["peak"]
    return Result(tried, frame_of(rows), curves_of(sorted(curves, key=lambda place: place[:2])), PROVENANCE)


def confirmed(result, scores, test=None, looks=1, sizes=None):
    """A result with the verdict that these scores, a list for each trial, give; 0 is the baseline.

    `test` has the accuracies of recommended and baseline on the test images.
    """
    sizes = {number: 1_000_000 - number for number in scores} | (sizes or {})
    entrants = {
        number: Candidate(number, sizes[number], 10 * sizes[number], result.score(number), tuple(map(_hits, each)))
        for number, each in scores.items()
    }
    seeds = range(1, len(scores[0]) + 1)
    found = conclude(entrants[0], [each for number, each in entrants.items() if number], seeds)
    if test is not None:
        ours, baseline = test
        gap = None if found.recommended == 0 else difference(ours, baseline)
        found = replace(found, test=SealedTest(estimate(ours), estimate(baseline), gap))
    return replace(result, verdict=found, test_looks=looks)


def _hits(score, images=10_000):
    return np.arange(images) < round(score * images)


def shifted(*points, base=0.985):
    """Accuracies so many points above `base`."""
    return [base + each / 100 for each in points]
