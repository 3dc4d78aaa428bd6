"""Is bfloat16 harmless? The same runs trained both ways, compared seed by seed.

    python benchmarks/precision.py [--seeds 30] [--storage precision.db] [--only NAME ...]

Eight networks on every seed, each seed with its own split, in float32 and in bfloat16: a pair differs in the precision
alone. Few images and pixels from 0 to 1 keep the noise of a pair low. Harmless is what is shown to be: the 90 %
confidence interval of the mean difference in validation accuracy, over all pairs, lies within 0.05 points of zero (two
one-sided tests at 5 %: Schuirmann 1987, doi:10.1007/BF01068419). Runs are kept, so that a call that was interrupted
goes on, and one with more seeds adds to it. A processor without bfloat16 instructions computes the same, only slowly.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from scipy import stats

from sweep.api.train import trained
from sweep.api.workplace import Workplace
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import Split, load_dataset
from sweep.progress.console import ConsoleDisplay
from sweep.progress.display import Task
from sweep.runs import Run
from sweep.space.configuration import Configuration

SMALL: dict[str, Any] = {
    "conv1_filters": 8,
    "conv2_filters": 16,
    "dense_units": 64,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "rescale": True,
}
STRIDED = SMALL | {"conv1_stride": 2}
CONFIGURATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "baseline": (6_000, {}),
    "stride 2": (12_000, STRIDED),
    "stride 1": (12_000, SMALL),
    "stride 2, batch 128": (12_000, STRIDED | {"batch_size": 128}),
    "stride 2, SGD": (12_000, STRIDED | {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02}),
    "stride 2, kernels of 3": (12_000, STRIDED | {"conv1_kernel_size": 3, "conv2_kernel_size": 3}),
    "batch norm": (12_000, SMALL | {"batch_norm": True}),
    "extra block": (12_000, SMALL | {"extra_blocks": 1, "padding": "same"}),
}
"""Of each its training images, and what it has besides the baseline's values."""
VALIDATION = 10_000
HARMLESS = 0.05
"""Points of validation accuracy."""


def runs(names: Sequence[str], seeds: int, digest: str) -> list[LabelledRun]:
    """Configuration by configuration within a seed, float32 before bfloat16."""
    return [
        LabelledRun(
            f"seed {seed} of {name} in {precision}",
            Run(Configuration().replaced(values), seed, "mnist", digest, Split(seed, VALIDATION, images), precision),
        )
        for seed in range(seeds)
        for name, (images, values) in ((name, CONFIGURATIONS[name]) for name in names)
        for precision in ("float32", "bfloat16")
    ]


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean of (n,) differences, and the ends of its 90 % confidence interval by Student's t."""
    mean, error = differences.mean(), stats.sem(differences)
    half = stats.t.ppf(0.95, len(differences) - 1) * error
    return float(mean), float(mean - half), float(mean + half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS))
    parser.add_argument("--storage", default="precision.db")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    place = Workplace(options.storage, progress=ConsoleDisplay(Console(stderr=True)))
    wanted = runs(options.only, options.seeds, load_dataset("mnist").digest)
    with place.open_store() as store:
        found = trained(wanted, store, place, Task(Configuration(), len(wanted), place.crew()[0], "run"))
    scores = 100 * np.array([each.curve[-1].val_accuracy for each in found])
    pairs = scores.reshape(options.seeds, len(options.only), 2)
    differences = pairs[..., 1] - pairs[..., 0]  # (seeds, configurations), in points
    print(f"{options.seeds} seeds, {VALIDATION} validation images; points of accuracy\n")
    print(f"{'':24} {'float32':>8} {'bfloat16':>9} {'difference':>11} {'90 % interval':>17}")
    for index, name in enumerate(options.only):
        mean, low, high = interval(differences[:, index])
        ours = pairs[:, index].mean(axis=0)
        print(f"{name:24} {ours[0]:8.3f} {ours[1]:9.3f} {mean:+11.3f} {f'{low:+.3f} to {high:+.3f}':>17}")
    mean, low, high = interval(differences.ravel())
    harmless = max(-low, high) < HARMLESS
    print(f"{'all pairs':24} {'':8} {'':9} {mean:+11.3f} {f'{low:+.3f} to {high:+.3f}':>17}")
    print(f"harmless, that is within {HARMLESS} points: {'shown' if harmless else 'not shown'}")
    if options.json:
        facts = {"configurations": options.only, "scores": pairs.tolist(), "mean": mean, "interval": [low, high]}
        options.json.write_text(json.dumps(facts, indent=2))
    sys.exit(not harmless)


if __name__ == "__main__":
    main()
