"""How much training does a way of searching need? Each is replayed on a table of fully trained configurations.

    python benchmarks/search.py [--replays 100] [--workers 2] [--only NAME ...] [--json FILE]

`search_table.json.gz` holds the curves of configurations drawn from the study `everything` (see search_table.py). A
replay has the baseline and a third of them, drawn at random, so that no single one decides. It asks for a point, tries
the nearest configuration that was not tried yet for as many epochs, and pays for those it looks at; who pauses trials
goes on with the best of them once all are begun. One worker; everybody begins with the baseline.

Regret is how much better the best of its third is, trained for longest, than what was found, both in the mean of their
seeds where they have several. What was found is the trial with the best score, or the best of the five with the best
scores, which a confirmation tells apart. A confirmation is charged: five networks and the baseline, on as many fresh
seeds as `sweep confirm` takes, to the last epoch. A search has arrived when its regret stays within the target. The
target is no smaller than the standard error of the table's truth, which is printed. Seconds are the table's: of
training and scoring, on the machine that trained it.
"""

import argparse
import json
import math
import statistics
import warnings
from pathlib import Path

import optuna
from replays import STRATEGIES, Found, Replay, replayed, table

from sweep.defaults import CONFIRMED

CHARGED = (CONFIRMED + 1) * CONFIRMED * 9
"""Epochs that a confirmation takes: the five best and the baseline, on five fresh seeds, for nine epochs."""
TARGETS = (0.25, 0.5)
"""Points of accuracy within the best that count as found."""


def replay(name: str, seed: int) -> list[Found]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Replay(STRATEGIES[name], seed).run()


def arrival(found: list[Found], target: float, of: str) -> Found | None:
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


def about_the_table(replays: int) -> str:
    """How sure its truth is, and how different the replays are."""
    known = table()
    longest = known.study.longest
    repeated = [[curve[longest] for curve in each] for each in known.curves if len(each) > 1]
    scatter = math.sqrt(statistics.fmean(map(statistics.variance, repeated)))
    best = [Replay(STRATEGIES["random"], seed).best_place for seed in range(replays)]
    seeds = sorted({len(each) for each in known.curves})
    errors = ", ".join(f"{scatter / math.sqrt(each):.2f} with {each}" for each in seeds)
    return (
        f"{len(known.points)} configurations. The standard error of a truth, in points, by seeds: {errors}.\n"
        f"{max(map(best.count, best))} of {replays} replays share one best network."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="only these strategies")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [name for name in STRATEGIES if options.only is None or name in options.only]
    print(about_the_table(options.replays), flush=True)
    results = replayed(replay, names, options.replays, options.workers)
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
                share, epochs, seconds = cells(found, target, of)
                print(f"{name:{width}}{share:>8}{epochs:>20}{seconds:>24}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=vars))


if __name__ == "__main__":
    main()
