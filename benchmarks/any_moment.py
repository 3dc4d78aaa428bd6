"""What is the answer worth, whenever one stops? Searches replayed on a table, stopped after a minute to twenty.

    python benchmarks/any_moment.py [--replays 100] [--workers 2] [--only NAME ...]
    python benchmarks/any_moment.py --fit       only fits the constants of sweep/results/forecast.py to the table
    python benchmarks/any_moment.py --learn     only says how well they foretell scores, also on Fashion-MNIST

`search_table.json.gz` and its replays are those of `search.py`: a third of the table, drawn at random, one worker.
The clock is the table's own: seconds of training and scoring, on the machine that trained it. At each moment a search
names one configuration, and what counts is what that truly reaches: the accuracy after the longest training, in the
mean of its seeds. Optuna names the trial with the best score of those that ended (`study.best_trial`), ours the trial
that `Result.best` would name. Before anything can be named, the baseline counts for everybody.

Printed are the median and, in brackets, the lower and the upper quartile of the replays, in percent.
"""

import argparse
import math
import random
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import optuna
from replays import STRATEGIES, Replay, Seen, replayed, table
from search import quartiles
from search_table import TABLES

from sweep.results.forecast import Forecast

MOMENTS = (60, 120, 300, 600, 1200)
"""Seconds of training after which a search is stopped."""
IMAGES = 10_000
"""Validation images that scored the runs of the table."""

PEERS = {f"Optuna: {name}": strategy for name, strategy in STRATEGIES.items() if name.startswith("TPE")}
OURS = {
    "ours": STRATEGIES["ours"],
    "ours, with experience": STRATEGIES["ours, with experience"],
    "ours, told when (--timeout)": replace(STRATEGIES["ours"], told=True),
}


def best_ended(seen: Sequence[Seen]) -> int | None:
    """The place of the trial with the best score of those that were trained to their end."""
    ended = [each for each in seen if each.epoch == each.epochs]
    return max(ended, key=lambda each: each.score).place if ended else None


def best_expected(seen: Sequence[Seen]) -> int | None:
    """The place of the trial that `Result.best` would name."""
    curves: dict[int, list[tuple[float, float]]] = {}
    for each in seen:
        curves.setdefault(each.trial, []).append((each.epoch, each.score / 100))
    forecast = Forecast.after((curves[each.trial] for each in seen if each.epoch == each.epochs), IMAGES)
    last = {each.trial: each for each in seen}
    expected = {each.place: forecast.expected(each.score / 100, each.epoch, each.epochs) for each in last.values()}
    return max(expected, key=lambda place: expected[place], default=None)


def answers(name: str, seed: int) -> list[float]:
    """What a search's answer truly reaches, in percent, at each of the moments."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strategy = (PEERS | OURS)[name]
        ends = MOMENTS if strategy.told else MOMENTS[-1:]
        replays = [Replay(strategy, seed, most_epochs=math.inf, most_seconds=end) for end in ends]
        for each in replays:
            each.run()
    named = best_expected if name in OURS else best_ended
    seen = [each.seen for each in replays] if strategy.told else [replays[0].seen] * len(MOMENTS)
    places = [
        named([each for each in so_far if each.seconds <= moment]) for so_far, moment in zip(seen, MOMENTS, strict=True)
    ]
    known = table()
    return [known.truth(place or 0, known.study.longest) for place in places]


def fit() -> tuple[float, float, float]:
    """Floor, share and noise of `sweep.results.forecast`, by maximum likelihood over all pairs of places of a curve.

    For a given share the floor is a weighted regression, and the noise the root mean square of what is left. Curves
    count from where they are right for a fifth of the images, and as far as to an epoch or more.
    """
    pairs = np.array(
        [
            (math.log(1 - before / 100), math.log(1 - after / 100), math.log(later / epoch))
            for curves in table().curves
            for epoch, before in curves[0].items()
            for later, after in curves[0].items()
            if later > epoch and later >= 1 and before > 20
        ]
    )
    first, second, ahead = pairs.T
    found = []
    for share in np.arange(0.02, 0.6, 0.005):
        kept = np.exp(-share * ahead)
        variance = (1 - kept**2) / (2 * share)
        floor = np.sum((1 - kept) * (second - first * kept) / variance) / np.sum((1 - kept) ** 2 / variance)
        noise = np.sqrt(np.mean((second - floor - (first - floor) * kept) ** 2 / variance))
        found.append((-np.sum(np.log(variance * noise**2)) / 2, floor, share, noise))
    _, floor, share, noise = max(found)
    return float(floor), float(share), float(noise)


LEARNT = (0, 1, 3, 10, 20)
"""Completed trials that a study has."""
FIRST = 0.25
"""The epoch from which the score after the last one is foretold."""


def foretold(data: str, learnt: int, replays: int) -> float:
    """How far the expectation is from what a network reaches, in points: the median of as many networks as replays."""
    known = table(data)
    curves = [list(curve.items()) for curve, *_ in known.curves if FIRST in curve and known.study.longest in curve]
    differences = []
    for seed in range(replays):
        drawn = random.Random(seed).sample(curves, learnt + 1)
        *own, curve = [[(epoch, score / 100) for epoch, score in each] for each in drawn]
        last, reached = curve[-1]
        expected = Forecast.after(own, IMAGES).expected(dict(curve)[FIRST], FIRST, last)
        differences.append(100 * abs(expected - reached))
    return statistics.median(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="only these ways of searching")
    parser.add_argument("--fit", action="store_true", help="only fit the constants of the forecast")
    parser.add_argument("--learn", action="store_true", help="only say how well the forecast foretells scores")
    options = parser.parse_args()
    if options.learn:
        print(" " * 14 + "".join(f"{f'{count} completed':>14}" for count in LEARNT))
        for data in TABLES:
            print(f"{data:14}" + "".join(f"{foretold(data, count, 1000):14.2f}" for count in LEARNT))
        return
    if options.fit:
        floor, share, noise = fit()
        print(f"FLOOR = log({math.exp(floor):.4f}), SHARE = {share:.3f}, NOISE = {noise:.3f}")
        return
    names = [name for name in PEERS | OURS if options.only is None or name in options.only]
    found = replayed(answers, names, options.replays, options.workers)
    width = max(map(len, names)) + 2
    print(" " * width + "".join(f"{f'after {moment} s':>24}" for moment in MOMENTS))
    for name, each in found.items():
        cells = [quartiles([replay[place] for replay in each]) for place in range(len(MOMENTS))]
        said = [f"{middle:.2f} ({low:.2f}-{high:.2f})" for low, middle, high in cells]
        print(f"{name:{width}}" + "".join(f"{cell:>24}" for cell in said))


if __name__ == "__main__":
    main()
