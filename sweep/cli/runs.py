"""Runs outside of a search, as `sweep train` and `sweep baseline` print them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweep.cli.tables import print_json, print_table
from sweep.data.metric import IN_WORDS, Metric
from sweep.models.tutorial.parameters import TUTORIAL_ACCURACY, TUTORIAL_LOSS
from sweep.results.verdict import known
from sweep.wording import percent, points

if TYPE_CHECKING:
    from sweep.coordinator.batch import Trained
    from sweep.data.dataset import Split


def print_runs(runs: Mapping[int, "Trained"], split: "Split", metric: Metric, counted: float, as_json: bool) -> None:
    """One configuration's runs by seed, and their mean with its 95 % confidence interval.

    A score by the `metric` counts so many images as `counted` says; 0: all that are held out.
    """
    from sweep.verdict.estimates import estimate

    last = {seed: run.curve[-1] for seed, run in runs.items() if not run.reason}
    scores = [epoch.val_accuracy for epoch in last.values()]
    own = sum(score * (1 - score) for score in scores) / max(1, len(scores)) / (counted or split.validation)
    fresh, fixed = (0.0, own) if split.given else (own, 0.0)  # what images add: others at each seed, or the same
    mean = estimate(scores, fresh, fixed=fixed) if scores else None
    interval = None if mean is None else {"value": mean.value, "low": known(mean.low), "high": known(mean.high)}
    if as_json:
        found = [_run(*each, metric) for each in runs.items()]
        return print_json({"validation": split.validation, "metric": metric, "runs": found, "mean": interval})
    rows = [
        [
            str(seed),
            percent(last[seed].val_accuracy) if seed in last else run.reason,
            f"{last[seed].val_loss:.4f}" if seed in last else "",
            f"{run.curve[-1].epoch:g}" if run.curve else "0",
            f"{sum(epoch.seconds for epoch in run.curve):.1f}",
        ]
        for seed, run in runs.items()
    ]
    if mean is not None and len(scores) > 1:
        loss = sum(epoch.val_loss for epoch in last.values()) / len(last)
        rows.append(["mean", percent(mean.value, mean.reach), f"{loss:.4f}", "", ""])
    print_table(["seed", IN_WORDS[metric], "loss", "epochs", "seconds"], rows, right=(0, 2, 3, 4))
    held_out = f"Each seed holds out {split.validation:,} training images to score."
    if split.given:
        held_out = f"Each seed is scored on the {split.validation:,} validation images of the data."
    print(f"{held_out} The test images stay sealed.")


def _run(seed: int, run: "Trained", metric: Metric) -> dict[str, Any]:
    last = None if run.reason else run.curve[-1]
    return {
        "seed": seed,
        metric: None if last is None else last.val_accuracy,
        "loss": None if last is None else last.val_loss,
        "epochs": run.curve[-1].epoch if run.curve else 0,
        "seconds": sum(epoch.seconds for epoch in run.curve),
        "reason": run.reason,
    }


def print_baseline(runs: "Sequence[Trained]", as_json: bool) -> None:
    """The tutorial's experiment, and what the tutorial says of it."""
    last = [run.curve[-1] for run in runs]
    if as_json:
        document = [{"seed": seed, "accuracy": e.val_accuracy, "loss": e.val_loss} for seed, e in enumerate(last)]
        return print_json({"tutorial": {"accuracy": TUTORIAL_ACCURACY, "loss": TUTORIAL_LOSS}, "runs": document})
    rows = [["the tutorial", percent(TUTORIAL_ACCURACY), f"{TUTORIAL_LOSS:.4f}", ""]]
    for seed, epoch in enumerate(last):
        difference = points(epoch.val_accuracy - TUTORIAL_ACCURACY)
        rows.append([f"seed {seed}", percent(epoch.val_accuracy), f"{epoch.val_loss:.4f}", difference])
    print_table(["10,000 test images", "accuracy", "loss", "points"], rows, right=(1, 2, 3))
