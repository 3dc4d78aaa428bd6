"""A study's result, read from an open database."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sweep.data.dataset import Split
from sweep.data.kept import is_kept
from sweep.data.metric import Metric
from sweep.results.ablation import Ablation
from sweep.results.columns import CURVE_COLUMNS, CURVE_TYPES, PARAMETER_TYPES, TRIAL_COLUMNS, TRIAL_TYPES
from sweep.results.forecast import judged, standing
from sweep.results.nodes import moves_of, nodes_of
from sweep.results.predictions import Predictions, Searched
from sweep.results.result import Result
from sweep.results.verdict import Verdict
from sweep.runs import BASELINE, Run
from sweep.storage.by_hand import Note
from sweep.storage.lease import Work
from sweep.storage.store import Reader
from sweep.storage.studies import StudyRow
from sweep.study.study import Study
from sweep.system.processes import Identity

MOST_PREDICTED = 50
"""Of so many of the best trials, what they predict is read."""
MOST_CHANGED = 1000
"""If more trials have changed, all are read: SQLite takes only so many values in a question."""
STORED_AS = {"trial": "number"}
"""Columns that are called otherwise in the store."""


def read_result(store: Reader, name: str) -> Result:
    """What the study called `name` has found so far.

    Raises:
        InputError: the database has no such study.
    """
    row = store.studies.find(name)
    return _result(store, row, _read(store, row))


class Rereading:
    """Reads a study again and again while it runs: of trials that have not changed, what was read before counts."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._before: dict[str, _Trials] = {}

    def result(self, name: str) -> Result:
        """As `read_result`. Of a study that no process runs, everything is read.

        Raises:
            InputError: the database has no such study.
        """
        row, before = self._store.studies.find(name), self._before.pop(name, None)
        pulses = self._store.trials.pulses(row.id)
        same = {number for number, pulse in pulses.items() if before and pulse and pulse == before.pulses.get(number)}
        changed, found = sorted(pulses.keys() - same), None
        few = len(changed) <= MOST_CHANGED
        if few and before and before.study == row.study and self._store.leases.running(row.id):
            found = before.updated(same, _read(self._store, row, changed))
        found = found or _read(self._store, row)
        self._before[name] = replace(found, pulses=pulses)
        return _result(self._store, row, found)


@dataclass(frozen=True)
class _Trials:
    """The trials of a study and their curves as they are stored, in the columns of a result's frames.

    `on_nodes` is what `RunReader.on_nodes` finds. `pulses` are those of `TrialReader.pulses` when they were read.
    """

    study: Study
    frame: pd.DataFrame
    curves: pd.DataFrame
    on_nodes: list[tuple[int, dict[str, Any]]]
    pulses: Mapping[int, object] = field(default_factory=dict)

    def updated(self, same: set[int], changed: "_Trials") -> "_Trials | None":
        """The trials that are the `same`, with those that have `changed`; None if those have another parameter."""
        if not set(changed.frame) <= set(self.frame):
            return None
        new = changed.frame.reindex(columns=self.frame.columns).astype(self.frame.dtypes)
        frame = pd.concat([self.frame[self.frame["trial"].isin(same)], new])
        curves = pd.concat([self.curves[self.curves["trial"].isin(same)], changed.curves])
        on_nodes = [*(each for each in self.on_nodes if each[0] in same), *changed.on_nodes]
        return replace(
            self,
            frame=frame.sort_values("trial", ignore_index=True),
            curves=curves.sort_values(["trial", "epoch"], ignore_index=True),
            on_nodes=sorted(on_nodes, key=lambda each: each[0]),
        )


def _read(store: Reader, row: StudyRow, numbers: Collection[int] | None = None) -> _Trials:
    """A study's trials, or those of these `numbers`."""
    curves = pd.DataFrame(store.trials.curve_rows(row.id, numbers), columns=list(CURVE_COLUMNS)).astype(CURVE_TYPES)
    curves["finished"] = _moments(curves["finished"])
    frame = _frame(store.trials.rows(row.id, numbers), row.study)
    return _Trials(row.study, frame, curves, store.runs.on_nodes(row.id, numbers))


def _result(store: Reader, row: StudyRow, trials: _Trials) -> Result:
    earlier = {"train_size": row.study.train_size}  # where a document does not say it
    drawn = [Verdict.from_document(earlier | {**each}) for each in store.verdicts.all(row.id)]
    verdicts = _last_of_each_size(drawn)
    ablation, notes = store.ablations.find(row.id), store.notes.all(row.id)
    result = Result(
        study=row.study,
        frame=judged(_noted(trials.frame, notes), trials.curves, row.study.scoring),
        curves=trials.curves,
        provenance={"data": row.study.data, "data digest": row.data_digest} | store.runs.latest_provenance(row.id),
        verdict=verdicts[-1] if verdicts else None,
        smaller=tuple(verdicts[:-1]),
        ablation=None if ablation is None else Ablation.from_document(earlier | {**ablation}),
        test_looks=store.test_looks.count(row.id),
        notes=tuple(notes),
        queue=tuple(store.queue.waiting(row.id, len(trials.frame))),
        requests=tuple(store.requests.all(row.id)),
        work=_work_of_another(store, row.id),
        experience=store.queue.experience(row.id),
        nodes=nodes_of(trials.on_nodes),
        moves=moves_of(trials.on_nodes),
        storage=store.place,
    )
    return replace(
        result,
        predictions=_predictions(store, result, row.data_digest),
        searched=_searched(store, result, row.data_digest),
    )


def _work_of_another(store: Reader, study_id: int) -> Work | None:
    holder, work = store.leases.at_work(study_id)
    return None if holder == Identity.own() else work


def _last_of_each_size(drawn: Sequence[Verdict]) -> list[Verdict]:
    """The last verdict of each size, the one on the most images last."""
    last = {each.size.train_size: each for each in drawn}
    return sorted(last.values(), key=lambda each: each.size.train_size or math.inf)


def _noted(frame: pd.DataFrame, notes: Sequence[Note]) -> pd.DataFrame:
    """The frame with the notes of each trial in one text."""
    texts: dict[int | None, list[str]] = {}
    for note in notes:
        texts.setdefault(note.trial, []).append(note.text)
    said = ["; ".join(texts.get(trial, [])) for trial in frame["trial"].tolist()]
    return frame.assign(note=pd.Series(said, frame.index, dtype=frame["note"].dtype))


def _frame(rows: Sequence[Mapping[str, Any]], study: Study) -> pd.DataFrame:
    """One row per trial; a parameter has no value where it does nothing undrawn, or stays as it is in the base.

    A row that is older than a parameter does not have it, and it did nothing.
    """
    space, parameters = study.searched, study.base.parameters
    known = {name for row in rows for name in row["configuration"]}
    neutral = {name: each.neutral for name, each in parameters.items() if name in known and each.neutral is not None}
    configurations = [space.effective(neutral | row["configuration"]) for row in rows]
    facts = {column: [row.get(STORED_AS.get(column, column)) for row in rows] for column in TRIAL_COLUMNS}
    frame = pd.DataFrame(facts).astype(TRIAL_TYPES)
    for column in ("started", "finished"):
        frame[column] = _moments(frame[column])
    for name, parameter in parameters.items():
        if any(name in each for each in configurations):
            values = [each.get(name) for each in configurations]
            frame[name] = pd.Series(values, dtype=PARAMETER_TYPES[parameter.kind])
    return frame


def _moments(values: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")


def _predictions(store: Reader, result: Result, digest: str) -> Predictions | None:
    """Those of the verdict's first seed, for whose images neither network was chosen; else those of the search."""
    study = result.study
    completed = result.frame[["trial", "baseline", "score"]][result.frame["outcome"] == "completed"].dropna()
    others = completed[~completed["baseline"]]
    if len(others) in (0, len(completed)):
        return None
    trial = int(others["trial"].iloc[others["score"].argmax()])
    if result.verdict is not None and result.verdict.recommended != BASELINE:
        trial = result.verdict.recommended
    if study.precision == "auto":
        return None
    configurations = result.configuration(trial), study.base
    fresh = [replace(study.split(each.seeds[0]), train_size=each.size.train_size) for each in result.verdicts[-1:]]
    splits: list[tuple[Split, Metric]] = [*((each, "accuracy") for each in fresh), (study.split(), study.metric)]
    for split, metric in splits:
        seed = split.seed
        runs = [Run(each, seed, study.data, digest, split, study.precision, metric) for each in configurations]
        ours, baseline = (store.predictions.find(run.fingerprint, run.configuration.epochs) for run in runs)
        if ours is not None and baseline is not None:
            kept = store.runs.source(runs[0].fingerprint)
            return Predictions(trial, seed, split, kept if is_kept(kept) else study.data, digest, ours, baseline)
    return None


def _searched(store: Reader, result: Result, digest: str) -> Searched | None:
    """What the best trials and the baseline predict. Each fold has images of its own, so with folds nothing is."""
    study = result.study
    asked = result.frame[["trial", "outcome", "baseline", "trained_epochs", "expected", "score", "fingerprint"]]
    done = standing(asked[asked["outcome"] == "completed"])
    kept = pd.concat([done.head(MOST_PREDICTED), done[done["baseline"]]]).drop_duplicates("trial")
    if study.folds or kept.empty:
        return None
    ends = list(zip(kept["fingerprint"], kept["trained_epochs"].astype(int), strict=True))
    found = store.predictions.ends(ends)
    classes = {int(trial): found[end] for trial, end in zip(kept["trial"], ends, strict=True) if end in found}
    if not classes:
        return None
    source = store.runs.source(next(iter(found))[0])
    return Searched(study.split(), source if is_kept(source) else study.data, digest, classes)
