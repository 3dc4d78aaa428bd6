"""What a study has found: the store's rows as tidy frames with documented columns."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sweep.configuration import PARAMETERS, Configuration
from sweep.errors import InputError
from sweep.spec import Study
from sweep.store import Store

TRIAL_COLUMNS = {
    "trial": "number of the trial in its study, from 0; 0 is the baseline",
    "outcome": "running, interrupted, completed, pruned, infeasible, diverged, out of memory, timed out or failed",
    "reason": "why it ended so, in a sentence; empty where the outcome says it all",
    "baseline": "whether this is the study's base configuration",
    "score": "validation accuracy after the last epoch, from 0 to 1; none without an epoch",
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
}
"""Columns of `Result.frame`; after them stands one column for each of `PARAMETERS` that some trial has."""

TRIAL_TYPES = {
    "trial": "int64",
    "outcome": "str",
    "reason": "str",
    "baseline": "bool",
    "score": "float64",
    "trained_epochs": "int64",
    "reused_epochs": "int64",
    "reused_from": "str",
    "seconds": "float64",
    "cost": "float64",
    "attempts": "int64",
    "parameters": "Int64",
    "flops": "Int64",
    "seed": "Int64",
    "fingerprint": "str",
}
PARAMETER_TYPES: dict[type, str] = {bool: "boolean", int: "Int64", float: "float64", str: "str"}
"""Types that keep a whole number whole beside a trial that has none."""

CURVE_COLUMNS = {
    "trial": "number of the trial",
    "epoch": "from 1",
    "loss": "cross-entropy on the training images during the epoch, in nats",
    "accuracy": "accuracy on the training images during the epoch, from 0 to 1",
    "val_loss": "cross-entropy on the validation images after the epoch, in nats",
    "val_accuracy": "accuracy on the validation images after the epoch, from 0 to 1",
    "seconds": "seconds the epoch took, scoring included",
}
"""Columns of `Result.curves`."""

CURVE_TYPES = {name: "int64" if name in ("trial", "epoch") else "float64" for name in CURVE_COLUMNS}


@dataclass(frozen=True)
class Result:
    """A study and its trials so far.

    `frame` has one row per trial (`TRIAL_COLUMNS`, then parameters), `curves` one per trial and epoch
    (`CURVE_COLUMNS`); `provenance` tells where and with what it was trained: versions, machine, threads,
    precision, data digest. `verdict` is what confirming the best has concluded (`sweep.confirmation.as_document`
    says what is in it; None: not confirmed), `test_looks` how often networks of this study met the test images.
    """

    study: Study
    frame: pd.DataFrame
    curves: pd.DataFrame
    provenance: dict[str, Any] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    test_looks: int = 0

    @property
    def best(self) -> Configuration:
        """The configuration of the completed trial with the highest score; of equals, the earliest.

        Raises:
            InputError: no trial has completed yet.
        """
        return self.configuration(self.best_trial)

    @property
    def best_trial(self) -> int:
        """The number of that trial.

        Raises:
            InputError: no trial has completed yet.
        """
        completed = self.frame[self.frame["outcome"] == "completed"]
        if completed.empty:
            raise InputError(
                f"Study {self.study.name!r} has no completed trial yet. `sweep list` shows where it stands; "
                f"`sweep run` goes on with it."
            )
        return int(completed.sort_values(["score", "trial"], ascending=[False, True])["trial"].iloc[0])

    @property
    def recommended(self) -> int:
        """The number of the trial that the verdict recommends; without a verdict, of the best by search.

        Raises:
            InputError: no trial has completed yet.
        """
        return self.best_trial if self.verdict is None else int(self.verdict["recommended"])

    def score(self, trial: int) -> float:
        """A trial's validation accuracy after its last epoch, from 0 to 1; NaN without one.

        Raises:
            InputError: the study has no such trial.
        """
        return float(self._row(trial)["score"])

    @property
    def baseline_score(self) -> float | None:
        """The score of the baseline; None before it has completed."""
        done = self.frame[self.frame["baseline"].astype(bool) & (self.frame["outcome"] == "completed")]
        return None if done.empty else float(done["score"].iloc[0])

    def configuration(self, trial: int) -> Configuration:
        """The configuration of one trial.

        Raises:
            InputError: the study has no such trial.
        """
        present = self._row(trial).dropna()
        names = [name for name in PARAMETERS if name in present]
        return Configuration().replaced({name: PARAMETERS[name].kind(present[name]) for name in names})

    def _row(self, trial: int) -> "pd.Series[Any]":
        rows = self.frame[self.frame["trial"] == trial]
        if len(rows):
            return rows.iloc[0]
        known = f"its trials are 0 to {len(self.frame) - 1}" if len(self.frame) else "it has none yet"
        raise InputError(f"Study {self.study.name!r} has no trial {trial}; {known}.")


def of(store: Store, name: str) -> Result:
    """What the study called `name` has found so far.

    Raises:
        InputError: the database has no such study.
    """
    row = store.study(name)
    rows = store.trial_rows(row.id)
    facts = [
        {"trial": trial.pop("number")} | {column: trial.get(column) for column in TRIAL_COLUMNS if column != "trial"}
        for trial in rows
    ]
    values = [trial["configuration"] for trial in rows]
    frame = pd.DataFrame(facts, columns=list(TRIAL_COLUMNS)).astype(TRIAL_TYPES)
    for column in ("started", "finished"):
        frame[column] = pd.to_datetime(frame[column], utc=True).astype("datetime64[us, UTC]")
    for parameter in PARAMETERS:
        if any(parameter in each for each in values):
            found = [each.get(parameter) for each in values]
            frame[parameter] = pd.Series(found, dtype=PARAMETER_TYPES[PARAMETERS[parameter].kind])
    curves = pd.DataFrame(store.curve_rows(row.id), columns=list(CURVE_COLUMNS)).astype(CURVE_TYPES)
    provenance = {"data": row.study.data, "data digest": row.data_digest} | store.provenance(row.id)
    return Result(row.study, frame, curves, provenance, store.verdict(row.id), store.test_looks(row.id))
