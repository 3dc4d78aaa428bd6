"""What a study has found: the store's rows as tidy frames with documented columns."""

import html
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sweep.data.dataset import Split
from sweep.errors import InputError
from sweep.results.ablation import Ablation
from sweep.results.predictions import Mistakes, Predictions, mistakes
from sweep.results.summary import summary_lines
from sweep.results.verdict import Verdict
from sweep.runs import Run
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.storage.store import Reader
from sweep.study.study import Study
from sweep.wording import duration, percent, several

TRIAL_COLUMNS = {
    "trial": "number of the trial in its study, from 0; 0 is the baseline",
    "outcome": (
        "running, interrupted, completed, paused, pruned, infeasible, diverged, out of memory, timed out or failed"
    ),
    "reason": "why it ended so, in a sentence; empty where the outcome says it all",
    "detail": "the traceback, or its worker's last lines; empty where nothing went wrong",
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
    "detail": "str",
    "baseline": "bool",
    "score": "float64",
    "trained_epochs": "float64",
    "reused_epochs": "float64",
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
    "epoch": "passes over the training images so far; whole, but for a first look below 1",
    "loss": "cross-entropy on the training images during the epoch, in nats",
    "accuracy": "accuracy on the training images during the epoch, from 0 to 1",
    "val_loss": "cross-entropy on the validation images after the epoch, in nats",
    "val_accuracy": "accuracy on the validation images after the epoch, from 0 to 1",
    "seconds": "seconds the epoch took, scoring included",
    "finished": "when it ended, UTC; missing where that was not kept",
}
"""Columns of `Result.curves`."""

CURVE_TYPES = {name: "int64" if name == "trial" else "float64" for name in CURVE_COLUMNS if name != "finished"}


@dataclass(frozen=True)
class Result:
    """A study and its trials so far.

    `frame` has one row per trial (`TRIAL_COLUMNS`, then parameters), `curves` one per trial and epoch
    (`CURVE_COLUMNS`); `provenance` tells where and with what it was trained: versions, machine, threads,
    precision, data digest. `verdict` is what confirming the best concluded (None: not confirmed), `ablation` what each
    change of the recommended trial contributes (None: not measured), `test_looks` how often networks of this study met
    the test images. `predictions` are those of the recommended trial and of the baseline
    (None: not kept, or they are the same).
    """

    study: Study
    frame: pd.DataFrame
    curves: pd.DataFrame
    provenance: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    ablation: Ablation | None = None
    test_looks: int = 0
    predictions: Predictions | None = None

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
        return self.best_trial if self.verdict is None else self.verdict.recommended

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
        return configuration_of(self._row(trial))

    def __str__(self) -> str:
        """The lines that `sweep run` ends with."""
        return "\n".join(summary_lines(self))

    @property
    def table(self) -> pd.DataFrame:
        """One row per trial, the best first: its outcome, its score, the parameters that varied, and what it cost."""
        frame = self.frame.sort_values(["score", "trial"], ascending=[False, True], na_position="last")
        varied = [name for name in self.study.drawn if name in frame]
        columns = ["trial", "outcome", "score", *varied, "parameters", "trained_epochs", "cost"]
        return frame[columns].reset_index(drop=True)

    def _repr_html_(self) -> str:
        """What a notebook shows: how far the study is, and its ten best trials."""
        trials, outcomes = len(self.frame), self.frame["outcome"].value_counts()
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        title = f"{self.study.name}: {trials} of {self.study.trials} trials" + (f" ({counts})" if counts else "")
        shown: dict[str, Any] = {"score": percent, "cost": duration}
        table = self.table.head(10).to_html(index=False, na_rep="–", formatters=shown, border=0)
        return f"<h4>{html.escape(title)}</h4>{table}"

    @property
    def where(self) -> str:
        """The machine that trained last, in a line: host, processor, threads, precision."""
        machine, threads = self.provenance.get("machine", ""), self.provenance.get("threads")
        named = [machine.get("host"), machine.get("processor")] if isinstance(machine, dict) else [machine]
        counted = several(threads, "thread") if threads else ""
        return ", ".join(str(part) for part in (*named, counted, self.study.precision) if part)

    def mistakes(self) -> Mistakes | None:
        """`predictions` with the images they are of; None without any. Reads the dataset, and fetches nothing.

        Raises:
            DataError: the dataset is not on this machine, or not the one that the networks saw.
        """
        return None if self.predictions is None else mistakes(self.predictions)

    def _row(self, trial: int) -> "pd.Series[Any]":
        rows = self.frame[self.frame["trial"] == trial]
        if len(rows):
            return rows.iloc[0]
        known = f"its trials are 0 to {len(self.frame) - 1}" if len(self.frame) else "it has none yet"
        raise InputError(f"Study {self.study.name!r} has no trial {trial}; {known}.")


def configuration_of(row: "pd.Series[Any]") -> Configuration:
    """The configuration of a trial, from its row of a frame."""
    values = {name: row[name] for name in PARAMETERS if name in row}
    return Configuration().replaced(
        {name: PARAMETERS[name].kind(value) for name, value in values.items() if not pd.isna(value)}
    )


def of(store: Reader, name: str) -> Result:
    """What the study called `name` has found so far.

    Raises:
        InputError: the database has no such study.
    """
    row = store.studies.find(name)
    rows = store.trials.rows(row.id)
    facts = [
        {"trial": trial.pop("number")} | {column: trial.get(column) for column in TRIAL_COLUMNS if column != "trial"}
        for trial in rows
    ]
    values = [trial["configuration"] for trial in rows]
    frame = pd.DataFrame(facts, columns=list(TRIAL_COLUMNS)).astype(TRIAL_TYPES)
    for column in ("started", "finished"):
        frame[column] = _moments(frame[column])
    for parameter in PARAMETERS:
        if any(parameter in each for each in values):
            found = [each.get(parameter) for each in values]
            frame[parameter] = pd.Series(found, dtype=PARAMETER_TYPES[PARAMETERS[parameter].kind])
    curves = pd.DataFrame(store.trials.curve_rows(row.id), columns=list(CURVE_COLUMNS)).astype(CURVE_TYPES)
    curves["finished"] = _moments(curves["finished"])
    provenance = {"data": row.study.data, "data digest": row.data_digest} | store.runs.latest_provenance(row.id)
    verdict, ablation = store.verdicts.find(row.id), store.ablations.find(row.id)
    result = Result(
        row.study,
        frame,
        curves,
        provenance,
        None if verdict is None else Verdict.from_document(verdict),
        None if ablation is None else Ablation.from_document(ablation),
        store.test_looks.count(row.id),
    )
    return replace(result, predictions=_predictions(store, result, row.data_digest))


def _moments(values: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")


def _predictions(store: Reader, result: Result, digest: str) -> Predictions | None:
    """Those of the verdict's first seed, for whose images neither network was chosen; else those of the search."""
    study = result.study
    done = set(result.frame.loc[result.frame["outcome"] == "completed", "trial"])
    baselines = set(result.frame.loc[result.frame["baseline"], "trial"])
    if not done - baselines or not done & baselines:
        return None
    trial = result.recommended if result.recommended not in baselines else result.best_trial
    if trial in baselines or study.precision == "auto":
        return None
    configurations = result.configuration(trial), study.base
    for seed in [*(result.verdict.seeds[:1] if result.verdict else ()), study.seed]:
        split = Split(seed, study.validation, study.train_size)
        runs = [Run(each, seed, study.data, digest, split, study.precision) for each in configurations]
        ours, baseline = (store.predictions.find(run.fingerprint, run.configuration.epochs) for run in runs)
        if ours is not None and baseline is not None:
            return Predictions(trial, seed, split, study.data, digest, ours, baseline)
    return None
