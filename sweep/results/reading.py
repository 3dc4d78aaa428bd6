"""A study's result, read from an open database."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
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
from sweep.runs import BASELINE, UNFINISHED, Run
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
        self._before: dict[str, tuple[object, _Trials]] = {}
        """What was read of a study, and which study that was, run by which process."""

    def result(self, name: str) -> Result:
        """As `read_result`. Of a study that no process runs, everything is read.

        Raises:
            InputError: the database has no such study.
        """
        row, found = self._store.studies.find(name), None
        holder = self._store.leases.running(row.id)
        which = holder, row.id, row.created, row.study
        known, before = self._before.pop(name, (None, None))
        if holder and before and known == which:
            changed = before.unfinished.union(self._store.trials.changed(row.id, before.last_end))
            if len(changed) <= MOST_CHANGED:
                found = before.updated(changed, _read(self._store, row, changed))
        found = found or _read(self._store, row)
        self._before[name] = which, found
        return _result(self._store, row, found)


@dataclass(frozen=True)
class _Trials:
    """The trials of a study and their curves as they are stored, in the columns of a result's frames.

    `on_nodes` and `latest` are what `RunReader` finds by these names.
    """

    frame: pd.DataFrame
    curves: pd.DataFrame
    on_nodes: list[tuple[int, dict[str, Any]]]
    latest: tuple[datetime, dict[str, Any]] | None

    @property
    def unfinished(self) -> set[int]:
        """The numbers of the trials that are to be trained further."""
        return set(self.frame["trial"][self.frame["outcome"].isin(UNFINISHED)].tolist())

    @property
    def last_end(self) -> datetime:
        """When a trial last ended, as the store keeps it; long ago before the first did."""
        last = self.frame["finished"].max()
        return datetime.min if last is pd.NaT else last.to_pydatetime().replace(tzinfo=None)

    def updated(self, numbers: set[int], changed: "_Trials") -> "_Trials | None":
        """The trials, of which those with these numbers have `changed`; None if they have another parameter."""
        if not set(changed.frame) <= set(self.frame):
            return None
        on_nodes = [*(each for each in self.on_nodes if each[0] not in numbers), *changed.on_nodes]
        return replace(
            self,
            frame=_with(self.frame, changed.frame, numbers),
            curves=_with(self.curves, changed.curves, numbers),
            on_nodes=sorted(on_nodes, key=lambda each: each[0]),
            latest=max(filter(None, (changed.latest, self.latest)), key=lambda each: each[0], default=None),
        )


def _with(table: pd.DataFrame, new: pd.DataFrame, numbers: set[int]) -> pd.DataFrame:
    """A table, sorted by trials, with new rows for the trials of these numbers."""
    found = pd.concat([table[~table["trial"].isin(numbers)], new], ignore_index=True)
    if found["trial"].is_monotonic_increasing:
        return found
    return found.sort_values("trial", kind="stable", ignore_index=True)


def _read(store: Reader, row: StudyRow, numbers: Collection[int] | None = None) -> _Trials:
    """A study's trials, or those of these `numbers`."""
    curves = pd.DataFrame(store.trials.curve_rows(row.id, numbers), columns=list(CURVE_COLUMNS)).astype(CURVE_TYPES)
    curves["finished"] = _moments(curves["finished"])
    frame = _frame(store.trials.rows(row.id, numbers), row.study)
    return _Trials(frame, curves, store.runs.on_nodes(row.id, numbers), store.runs.latest(row.id, numbers))


def _result(store: Reader, row: StudyRow, trials: _Trials) -> Result:
    earlier = {"train_size": row.study.train_size}  # where a document does not say it
    drawn = [Verdict.from_document(earlier | {**each}) for each in store.verdicts.all(row.id)]
    verdicts = _last_of_each_size(drawn)
    ablation, notes = store.ablations.find(row.id), store.notes.all(row.id)
    _, trained = trials.latest or (None, {})
    result = Result(
        study=row.study,
        frame=judged(_noted(trials.frame, notes), trials.curves, row.study.scoring),
        curves=trials.curves,
        provenance={"data": row.study.data, "data digest": row.data_digest} | trained,
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
    said = pd.Series("", frame.index, dtype=frame["note"].dtype)
    for trial, each in texts.items():
        said[frame["trial"] == trial] = "; ".join(each)
    return frame.assign(note=said)


def _frame(rows: Sequence[Mapping[str, Any]], study: Study) -> pd.DataFrame:
    """One row per trial; a parameter has no value where it does nothing undrawn, or stays as it is in the base.

    A row that is older than a parameter does not have it, and it did nothing.
    """
    space, parameters = study.searched, study.base.parameters
    known = {name for row in rows for name in row["configuration"]}
    neutral = {name: each.neutral for name, each in parameters.items() if name in known and each.neutral is not None}
    configurations = [space.effective(neutral | row["configuration"]) for row in rows]
    columns: dict[str, pd.Series[Any]] = {}
    for name in TRIAL_COLUMNS:
        facts = [row.get(STORED_AS.get(name, name)) for row in rows]
        columns[name] = pd.Series(facts, dtype=TRIAL_TYPES[name]) if name in TRIAL_TYPES else _moments(facts)
    for name, parameter in parameters.items():
        if any(name in each for each in configurations):
            values = [each.get(name) for each in configurations]
            columns[name] = pd.Series(values, dtype=PARAMETER_TYPES[parameter.kind])
    return pd.DataFrame(columns)


def _moments(values: Any) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(pd.Series(values, dtype="datetime64[us]"), utc=True)


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
