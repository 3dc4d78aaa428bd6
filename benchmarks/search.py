"""How much training does a way of searching need? Each is replayed on a table of fully trained configurations.

    python benchmarks/search.py [--dataset fashion-mnist] [--replays 100] [--workers 2] [--only NAME ...] [--json FILE]

A table holds the curves of configurations drawn from the study `everything` (see search_table.py). A replay has the
baseline and a third of them, drawn at random, so that no single one decides. It asks for a point, tries the nearest
configuration that was not tried yet for as many epochs, and pays for those it looks at; who pauses trials goes on with
the best of them once all are begun. One worker; everybody begins with the baseline.

Regret is how much better the best of its third is, trained for longest, than what was found, both in the mean of their
seeds where they have several. What was found is the trial with the best score, or the best of the five with the best
scores, which a confirmation tells apart. A confirmation is charged: five networks and the baseline, on as many fresh
seeds as `sweep confirm` takes, to the last epoch. The last tables take, of all trials so far, the best of the five
that have come furthest, and of those that came as far, of the best scores. Nothing is charged there. A search has
arrived when its regret stays within the target. The target is no smaller than the standard error of the table's truth,
which is printed. Seconds are the table's: of training and scoring, on the machine that trained it.

"Ours, with experience" begins with what the other table has shown, without the configurations that the replay has. In
"ours, with shuffled experience" the scores of that are shuffled, and in "ours, with reversed experience" the worst
score counts as the best.
"""

import argparse
import json
import math
import statistics
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import optuna
from replays import STRATEGIES, Found, Named, Replay, replayed, table
from search_table import TABLES

from sweep.defaults import CONFIRMED

CHARGED = (CONFIRMED + 1) * CONFIRMED * 9
"""Epochs that a confirmation takes: the five best and the baseline, on five fresh seeds, for nine epochs."""
TARGETS = (0.25, 0.5)
"""Points of accuracy within the best that count as found."""
NAMED_TARGETS = (0.3, 0.7)
"""The same of those that stand best while the search goes on."""

Moment = TypeVar("Moment", Found, Named)


class Replayed(NamedTuple):
    found: list[Found]
    named: list[Named]


def replay(data: str, name: str, seed: int) -> Replayed:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = Replay(STRATEGIES[name], seed, data=data)
        return Replayed(made.run(), made.named())


def arrival(found: Sequence[Moment], target: float, of: str) -> Moment | None:
    """From when on the regret stays within the target; None where it never does."""
    far = [place for place, each in enumerate(found) if getattr(each, of) > target]
    after = far[-1] + 1 if far else 0
    return found[after] if after < len(found) else None


def quartiles(values: list[float]) -> tuple[float, float, float]:
    ranked = sorted(values)
    low, middle, high = (ranked[round(share * (len(ranked) - 1))] for share in (0.25, 0.5, 0.75))
    return low, middle, high


def cells(found: list[list[Found]], target: float, of: str) -> list[str]:
    """How many arrive, and after how many epochs and seconds: median and quartiles. `confirmed` is charged for it."""
    arrivals = [arrival(each, target, of) for each in found]
    charged = of == "confirmed"
    epochs = [math.inf if each is None else each.epochs + charged * CHARGED for each in arrivals]
    seconds = [math.inf if each is None else each.seconds + charged * each.confirming for each in arrivals]
    said = [f"{middle:.0f} ({low:.0f}-{high:.0f})" for low, middle, high in map(quartiles, (epochs, seconds))]
    return [f"{100 * sum(each is not None for each in arrivals) / len(found):.0f} %", *said]


def named_cells(named: list[list[Named]], target: float) -> list[str]:
    """How many arrive, and after how many seconds: median and quartiles."""
    arrivals = [arrival(each, target, "regret") for each in named]
    low, middle, high = quartiles([math.inf if each is None else each.seconds for each in arrivals])
    share = sum(each is not None for each in arrivals) / len(named)
    return [f"{100 * share:.0f} %", f"{middle:.0f} ({low:.0f}-{high:.0f})"]


def about_the_table(data: str, replays: int) -> str:
    """How sure its truth is, and how different the replays are."""
    known = table(data)
    longest = known.study.longest
    repeated = [[curve[longest] for curve in each] for each in known.curves if len(each) > 1]
    scatter = math.sqrt(statistics.fmean(map(statistics.variance, repeated)))
    best = [Replay(STRATEGIES["random"], seed, data=data).best_place for seed in range(replays)]
    seeds = sorted({len(each) for each in known.curves})
    errors = ", ".join(f"{scatter / math.sqrt(each):.2f} with {each}" for each in seeds)
    return (
        f"{len(known.points)} configurations. The standard error of a truth, in points, by seeds: {errors}.\n"
        f"{max(map(best.count, best))} of {replays} replays share one best network."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=TABLES, default="mnist", help="the data of the table")
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="only these strategies")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [name for name in STRATEGIES if options.only is None or name in options.only]
    print(about_the_table(options.dataset, options.replays), flush=True)
    results = replayed(partial(replay, options.dataset), names, options.replays, options.workers)
    width = max(map(len, results)) + 2
    measures = {
        "first": "the trial with the best score",
        "confirmed": f"the best of the five with the best scores, {CHARGED} epochs of confirming charged",
    }
    for of, what in measures.items():
        for target in TARGETS:
            print(f"\n{what}: until it stays within {target:g} points of the best; median (quartiles)")
            print(" " * width + f"{'arrive':>8}{'epochs':>20}{'seconds':>24}")
            for name, found in results.items():
                share, epochs, seconds = cells([each.found for each in found], target, of)
                print(f"{name:{width}}{share:>8}{epochs:>20}{seconds:>24}")
    for target in NAMED_TARGETS:
        print(f"\nthe best of the five that stand best so far: until it stays within {target:g} points of the best")
        print(" " * width + f"{'arrive':>8}{'seconds':>24}")
        for name, found in results.items():
            share, seconds = named_cells([each.named for each in found], target)
            print(f"{name:{width}}{share:>8}{seconds:>24}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=vars))


if __name__ == "__main__":
    main()
