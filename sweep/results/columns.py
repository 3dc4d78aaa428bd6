"""The columns of a result's frames: what each of them says, and its type."""

TRIAL_COLUMNS = {
    "trial": "number of the trial in its study, from 0; 0 is the baseline",
    "outcome": (
        "running, interrupted, completed, paused, pruned, stopped, infeasible, diverged, out of memory, timed out or "
        "failed"
    ),
    "reason": "why it ended so, in a sentence; empty where the outcome says it all",
    "detail": "the traceback, or its worker's last lines; empty where nothing went wrong",
    "baseline": "whether this is the study's base configuration",
    "score": (
        "validation accuracy, or the study's `metric`, after its last epoch so far, from 0 to 1; none without an epoch"
    ),
    "expected": (
        "score to expect, with caution, after its last epoch: of a completed trial its score; none of a failed one"
    ),
    "difference": (
        "score less that of the baseline after as many epochs; of two completed trials, after the last epoch of each"
    ),
    "folds": "on how many folds it was scored: `score` is the mean; 1 in a study without `folds`",
    "trained_epochs": "epochs the trial went along its run's curve",
    "reused_epochs": "how many of them the store held already",
    "reused_from": "study and number of the trial that trained those; empty where there are none",
    "seconds": "seconds its epochs took when they were trained, scoring included, start-up apart",
    "cost": "seconds of them that were spent for this trial, reused epochs being free",
    "attempts": "workers that were given it: more than 1 where some died",
    "parameters": "values the network learns or moves; none where it cannot exist",
    "flops": "floating-point operations of one image's forward pass",
    "seed": "seed of initial weights, shuffling and dropout",
    "fingerprint": "hash of all that decides the run's curve",
    "started": "when it started, UTC",
    "finished": "when it ended, UTC",
    "origin": "source of its configuration: `by hand`, `experience`, or a trial of `start_from`; empty for the sampler",
    "note": "what `sweep note` has kept of it; several notes stand one after the other",
}
"""Columns of `Result.frame`; after them stands one column for each parameter that some trial has."""

TYPES = {
    "int64": ("trial", "folds", "attempts"),
    "Int64": ("parameters", "flops", "seed"),
    "str": ("outcome", "reason", "detail", "reused_from", "fingerprint", "origin", "note"),
    "bool": ("baseline",),
    "float64": ("score", "expected", "difference", "trained_epochs", "reused_epochs", "seconds", "cost"),
}
TRIAL_TYPES = {name: kind for kind, names in TYPES.items() for name in names}
TABLE_COLUMNS = ("trial", "outcome", "score", "parameters", "trained_epochs", "cost")
"""Columns of `Result.table`, as in `Result.frame`; after the first three stand the parameters that varied."""

PARAMETER_TYPES: dict[type, str] = {bool: "boolean", int: "Int64", float: "float64", str: "str"}
"""Types that keep a whole number whole beside a trial that has none."""

CURVE_COLUMNS = {
    "trial": "number of the trial",
    "epoch": "passes over the training images so far; whole, but for a first look below 1",
    "loss": "cross-entropy on the training images during the epoch, in nats",
    "accuracy": "accuracy on the training images during the epoch, from 0 to 1",
    "val_loss": "cross-entropy on the validation images after the epoch, in nats",
    "val_accuracy": "accuracy on the validation images after the epoch, or the study's `metric`; from 0 to 1",
    "seconds": "seconds the epoch took, scoring included",
    "finished": "when it ended, UTC; missing where that was not kept",
}
"""Columns of `Result.curves`."""

CURVE_TYPES = {name: "int64" if name == "trial" else "float64" for name in CURVE_COLUMNS if name != "finished"}
