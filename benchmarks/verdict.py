"""How often is a verdict right? Made-up networks whose true accuracies are known, through the rules of `sweep confirm`.

    python benchmarks/verdict.py [--verdicts 400] [--users 200] [--workers 2]

A run's accuracy is normal around the truth of its network. A verdict has six networks at most: a baseline at 98.5 % and
five others. Printed is each measure beside what it was before the rules changed, in the same simulation, and the bound
that it must keep. `tests/verdict/test_statistics.py` holds the same bounds with fewer verdicts.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.results.climb import turn
from sweep.results.result import Result
from sweep.results.size import Size
from sweep.results.verdict import ALPHA, Verdict
from sweep.space.space import Float
from sweep.study.study import Study
from sweep.verdict.power import Noise, detectable, noise_of_verdicts
from sweep.verdict.statistics import FIRST_LOOK, LOOKS, Candidate, behind, conclude
from sweep.verdict.suggestions import Finding, ranking

IMAGES = 10_000
TRUTH = 0.985
"""Accuracy of the baseline."""
NOISE = 0.0017
"""Standard deviation over seeds of the audit's networks."""
QUIET = 0.0012

SIZES = (6_250, 12_500, 25_000, 50_000)
"""Training images of a confirmation that climbs."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """True gains over the baseline, whose own is 0, and the noise of each network, both (networks,)."""

    gains: Floats
    noise: Floats
    draw: Callable[..., Any]

    @classmethod
    def of(cls, source: np.random.Generator, gains: Floats, noise: Floats | float, heavy: bool = False) -> "World":
        """Normal runs; if `heavy`, of Student's t with three degrees of freedom."""
        gains = np.array([0.0, *gains])
        draw = partial(source.standard_t, 3) if heavy else source.standard_normal
        return cls(gains, np.broadcast_to(noise, gains.shape), draw)

    def runs(self, which: NDArray[np.intp], seeds: int) -> Floats:
        """Accuracies of some of them, (networks, seeds)."""
        noise = self.noise[which, None] * self.draw(size=(len(which), seeds))
        scores: Floats = np.clip(TRUTH + self.gains[which, None] + noise, 0, 1)
        return scores

    def best(self, top: int = 5) -> NDArray[np.intp]:
        """The baseline, then those that a search of one run each finds best."""
        scores = self.runs(np.arange(len(self.gains)), 1)[1:, 0]
        return np.array([0, *np.argsort(-scores)[:top] + 1])


def candidate(label: int, parameters: int, scores: Floats) -> Candidate:
    """A network whose better runs are right wherever worse ones are."""
    return Candidate(label, parameters, 0, None, tuple(np.arange(IMAGES) < np.rint(IMAGES * scores)[:, None]))


def raced(scores: Floats, costs: NDArray[np.intp]) -> list[Candidate]:
    """The networks with the seeds that a race gives them: those clearly behind get no more; `scores` as of `runs`."""
    seeds, stopped = scores.shape[1], frozenset[int]()
    whole = [candidate(label, int(costs[label]), row) for label, row in enumerate(scores)]
    entrants = [replace(each, hits=()) for each in whole]
    for seed in range(seeds):
        entrants = [
            each if each.label in stopped else replace(each, hits=whole[each.label].hits[: seed + 1])
            for each in entrants
        ]
        if 1 < seed < seeds - 1:
            stopped |= behind(entrants[0], entrants[1:])
    return entrants


def verdict_on(scores: Floats, costs: NDArray[np.intp], earlier: Sequence[int] = ()) -> Verdict:
    """What these runs conclude, raced, after `earlier` looks."""
    entrants = raced(scores, costs)
    return conclude(entrants[0], entrants[1:], range(scores.shape[1]), earlier=earlier)


def audited(seed: int, seeds: int) -> dict[str, float]:
    """One verdict among 50 networks with gains of N(-0.3, 0.3) points, of which a search presents its best five."""
    source = np.random.default_rng([1, seed])
    world = World.of(source, source.normal(-0.003, 0.003, 50), NOISE)
    which = world.best()
    found, truths = verdict_on(world.runs(which, seeds), source.permutation(6)), world.gains[which]
    loss = truths.max() - truths[found.recommended]
    held = [each.difference.low < truths[each.trial] < each.difference.high for each in found.candidates]  # type: ignore[union-attr]
    better = [each.better for each in found.candidates]
    return {
        "loss": 100 * loss,
        "loss above 0.2": loss > 0.002,
        "false better": any(each.better and truths[each.trial] <= 0 for each in found.candidates),
        "held": float(np.mean(held)),
        "held of better": float(np.mean(np.array(held)[better])) if any(better) else np.nan,
    }


def far_better(seed: int) -> dict[str, float]:
    """Five networks all 0.76 points better than the cheapest, the baseline, on two seeds."""
    world = World.of(np.random.default_rng([2, seed]), np.full(5, 0.0076), NOISE)
    found = verdict_on(world.runs(np.arange(6), 2), np.arange(6))
    return {"baseline recommended": found.recommended == 0}


def powerful(seed: int) -> dict[str, float]:
    """One network half a point better than four equals of the baseline, on three seeds."""
    world = World.of(np.random.default_rng([3, seed]), np.array([0.005, 0, 0, 0, 0]), QUIET)
    first = verdict_on(world.runs(np.arange(6), 3), np.arange(6)).find(1)
    return {"found": first is not None and first.better}


def equals(seed: int, world: str, seeds: int) -> dict[str, float]:
    """Networks as good as the baseline, of which a search presents its best five."""
    source = np.random.default_rng([4, seed])
    noise = np.full(51, NOISE)
    noise[0] *= 3 if world == "a baseline three times noisier" else 1
    noise[1] *= 3 if world == "a candidate three times noisier" else 1
    noise *= np.exp(source.normal(0, 0.5, 51)) if world == "unequal noise" else 1
    made = World.of(source, np.zeros(50), noise, heavy=world == "t3 noise")
    which = np.arange(6) if "noisier" in world else made.best()
    found = verdict_on(made.runs(which, seeds), source.permutation(6))
    return {"false better": any(each.better for each in found.candidates)}


def ranked(seed: int, world: str, seeds: int, gain: float = 0.0) -> dict[str, float]:
    """Seven suggestions of six values, of which a search presents the best three; the first gains so much more."""
    source = np.random.default_rng([6, seed])
    noise = np.full(43, QUIET if gain else NOISE)
    noise[0] *= 3 if world == "a baseline three times noisier" else 1
    noise *= np.exp(source.normal(0, 0.5, 43)) if world == "unequal noise" else 1
    made = World.of(source, np.array([gain, *np.zeros(41)]), noise)
    values = np.arange(1, 43).reshape(7, 6)
    order = np.argsort(-made.runs(np.arange(43), 1)[values, 0], axis=1)
    best = np.take_along_axis(values, order[:, :3], axis=1)
    best[0, 0] = 1 if gain and 1 not in best[0] else best[0, 0]
    scores = made.runs(np.array([0, *best.ravel()]), seeds)
    found = ranking([_studied(place, scores[[0, *range(1 + 3 * place, 4 + 3 * place)]]) for place in range(7)])
    truths = [made.gains[best[int(each.study), each.trial - 1]] for each in found]
    return {
        "false finding": any(each.p < ALPHA and truth == 0 for each, truth in zip(found, truths, strict=True)),
        "found": any(each.finding is Finding.BETTER and each.study == "0" for each in found),
        "held": float(
            np.mean([each.gain.low < truth < each.gain.high for each, truth in zip(found, truths, strict=True)])
        ),
    }


def _studied(name: int, scores: Floats) -> Result:
    """A study with the verdict on these scores, those of the baseline first, (networks, seeds)."""
    study = Study(name=str(name), trials=len(scores), space={"learning_rate": Float(1e-4, 1e-3)}, validation=IMAGES)
    frame = pd.DataFrame({"trial": range(len(scores)), "seconds": np.nan})
    return Result(study, frame, frame.head(0), verdict=verdict_on(scores, np.arange(len(scores))))


@cache
def promised(seeds: int, known: int, freedom: float) -> float:
    """The difference that six networks' plan promises to find, in deviations of a difference."""
    return detectable(Noise(1.0, freedom, known), seeds, 5, again=known >= FIRST_LOOK)


def planned(seed: int, seeds: int, known: int) -> dict[str, float]:
    """A network as much better than five equals as the plan of its study promises to find, after so many seeds."""
    source = np.random.default_rng([7, seed])
    scores = TRUTH + NOISE * source.standard_normal((6, seeds))
    first = noise_of_verdicts([verdict_on(scores[:, :known], np.arange(6))], known) if known else None
    noise = first or Noise(math.sqrt(2) * NOISE)
    scores[1] += noise.deviation * promised(seeds, known, noise.freedom)
    found = verdict_on(np.clip(scores, 0, 1), np.arange(6), (known,) if known >= FIRST_LOOK else ()).find(1)
    return {"found": found is not None and found.better}


def user(seed: int, seeds_first: bool) -> dict[str, float]:
    """Someone who tries each number of seeds from 2 to 10 and each number of trials from 1 to 5, among equals.

    A verdict has all seeds and all trials that are known by then, so that there are eight of them.
    """
    source = np.random.default_rng([5, seed])
    made = World.of(source, np.zeros(50), NOISE)
    scores, costs = made.runs(made.best(), 10), source.permutation(6)
    numbers = [each for each in LOOKS if 3 <= each <= 10]
    seeds_up, trials_up = ([(each, 1) for each in numbers], [(10, each) for each in range(2, 6)])
    if not seeds_first:
        seeds_up, trials_up = ([(3, each) for each in range(1, 6)], [(each, 5) for each in numbers[1:]])
    false, earlier = False, tuple[int, ...]()
    for seeds, top in (*seeds_up, *trials_up):
        found = verdict_on(scores[: top + 1, :seeds], costs, earlier)
        false, earlier = false or any(each.better for each in found.candidates), found.looks
    return {"false better": false}


def climbed(seed: int, planted: bool, gains: float = 0.003) -> dict[str, float]:
    """Verdicts at four sizes on the same five networks and seeds, as `sweep confirm` climbs.

    If a flip is planted, one network is 0.8 points better than the baseline on fewer images and 0.6 worse on more, from
    one of the three larger sizes on. Else the order is the same at each size, with gains of N(-`gains`, `gains`).
    """
    source = np.random.default_rng([6, seed, planted])
    same, turns_at = np.array([0, *source.normal(-gains, gains, 5)]), 1 + seed % 3
    found = []
    for place in range(4):
        truth = same.copy()
        if planted:
            truth[1] = 0.008 if place < turns_at else -0.006
        world = World.of(source, truth[1:], NOISE)
        drawn = verdict_on(world.runs(np.arange(6), 5), np.arange(6)[::-1])
        found.append(replace(drawn, size=Size(SIZES[place], SIZES[-1])))
    turned = turn(found)
    right = turned is not None and turned[0].recommended == 1 and turned[1].size.images >= SIZES[turns_at]
    return {"found": right and found[-1].recommended != 1, "turns": turned is not None}


Measure = tuple[str, str, float, str, float]
"""What is measured: in words, its name in a world, what was before, and the bound that it must keep."""

NOISES = {
    "equal noise": (0.023, 0.022),
    "a baseline three times noisier": (0.021, 0.019),
    "a candidate three times noisier": (0.024, 0.025),
    "unequal noise": (0.029, 0.022),
    "t3 noise": (0.018, 0.018),
}
"""Worlds of equals, with the share of false winners that version 0.1.0 had on three and on five seeds."""


def measures() -> Iterator[tuple[Callable[[int], dict[str, float]], list[Measure]]]:
    """Each simulation of one verdict, by its seed, and what is measured in it."""
    at_3, at_5 = ([("95 % intervals that hold", "held", old, ">=", 0.94)] for old in (0.951, 0.949))
    at_3.append(("the same, of those called better", "held of better", 0.53, ">=", 0.84))
    at_5.append(("the same, of those called better", "held of better", 0.84, ">=", 0.92))
    at_5[:0] = [
        ("50 networks, five seeds: mean loss in points", "loss", 0.13, "<=", 0.04),
        ("50 networks, five seeds: loss above 0.2 points", "loss above 0.2", 0.29, "<=", 0.05),
        ("50 networks, five seeds: false better", "false better", 0.003, "<=", 0.05),
    ]
    yield partial(audited, seeds=5), at_5
    yield partial(audited, seeds=3), at_3
    yield partial(audited, seeds=2), [("50 networks, two seeds: mean loss in points", "loss", 0.214, "<=", 0.06)]
    yield far_better, [("five 0.76 points better: baseline recommended", "baseline recommended", 0.75, "<=", 0.01)]
    yield powerful, [("half a point better, three seeds: found", "found", 0.24, ">=", 0.65)]
    yield partial(climbed, planted=True), [("an order that turns with more images: found", "found", 0.0, ">=", 0.95)]
    for gains, which in ((0.003, "N(-0.3, 0.3)"), (0.0, "equals")):
        words = f"an order that does not turn, {which}: a turn is claimed"
        yield partial(climbed, planted=False, gains=gains), [(words, "turns", 0.0, "<=", 0.05)]
    for world, known in NOISES.items():
        for seeds, before in zip((3, 5), known, strict=True):
            named = f"{world}, {seeds} seeds: false better"
            yield partial(equals, world=world, seeds=seeds), [(named, "false better", before, "<=", 0.05)]
    held = {5: [("seven suggestions, 5 seeds: 95 % intervals that hold", "held", 0.954, ">=", 0.94)], 3: []}
    for world, seeds, before in (("equal noise", 5, 0.015), ("a baseline three times noisier", 3, 0.005)):
        words = f"seven suggestions, {world}, {seeds} seeds: false finding"
        yield partial(ranked, world=world, seeds=seeds), [(words, "false finding", before, "<=", 0.05), *held[seeds]]
    for seeds, before, least in ((3, 0.23, 0.5), (5, 0.71, 0.9)):
        words = f"seven suggestions, half a point better, {seeds} seeds: found"
        yield partial(ranked, world="equal noise", seeds=seeds, gain=0.005), [(words, "found", before, ">=", least)]
    for seeds, known_seeds in ((3, 0), (5, 0), (5, 3), (10, 3)):
        words = f"what a plan for {seeds} seeds promises, with {known_seeds} known: found"
        yield (
            partial(planned, seeds=seeds, known=known_seeds),
            [
                (words, "found", math.nan, ">=", 0.75),
                (words, "found", math.nan, "<=", 0.85),
            ],
        )
    for seeds_first, order in ((True, "more seeds first"), (False, "more trials first")):
        words = f"all of --seeds 2-10 and --top 1-5, {order}: false better"
        yield partial(user, seeds_first=seeds_first), [(words, "false better", 0.18, "<=", 0.05)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verdicts", type=int, default=400)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    print(f"{'':62}{'before':>8}{'now':>8}  bound")
    with ProcessPoolExecutor(asked.workers) as pool:
        for simulated, wanted in measures():
            count = asked.users if getattr(simulated, "func", None) is user else asked.verdicts
            found = list(pool.map(simulated, range(count), chunksize=50))
            for words, name, before, side, bound in wanted:
                value = float(np.nanmean([each[name] for each in found]))
                kept = value <= bound if side == "<=" else value >= bound
                print(f"{words:62}{before:8.3f}{value:8.3f}  {side} {bound:g}{'' if kept else '  MISSED'}", flush=True)


if __name__ == "__main__":
    main()
