"""What a study has found, in tidy frames: `sweep.results.columns` documents their columns."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from sweep.data.metric import unit
from sweep.data.names import DATASETS
from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.models.model import ImageShape, Sizes
from sweep.results.ablation import Ablation
from sweep.results.climb import climb_in_words
from sweep.results.columns import TABLE_COLUMNS
from sweep.results.forecast import standing
from sweep.results.nodes import Move, Node
from sweep.results.outlook import in_words, look_ahead
from sweep.results.predictions import Mistakes, Predictions, Searched, Wrong, mistakes, wrong
from sweep.results.size import Size
from sweep.results.summary import verdict_lines
from sweep.results.verdict import Verdict
from sweep.results.winner import Gain, gain_in_words, gain_of_best
from sweep.shell import sweep_command
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.storage.by_hand import Note, Queued
from sweep.storage.lease import Work
from sweep.storage.requests import Request
from sweep.study.study import Study
from sweep.wording import duration, epochs, missing, percent, several, so_far, value


@dataclass(frozen=True)
class Result:
    """A study and its trials so far.

    What takes the number of a trial raises InputError if the study has no such trial.

    Attributes:
        study: what was asked for.
        frame: one row per trial, in the order of their numbers: `TRIAL_COLUMNS`, then parameters.
        curves: one row per trial and epoch: `CURVE_COLUMNS`.
        provenance: where and with what it was trained: versions, machine, threads, precision, data digest.
        verdict: what confirming the best concluded, on the most training images so far; None: not confirmed.
        smaller: the verdicts on fewer images, the fewest first.
        ablation: what each change of the recommended trial contributes; None: not measured.
        test_looks: how often networks of this study met the test images.
        predictions: those of the recommended trial and of the baseline; None: not kept, or they are the same.
        searched: what the best trials and the baseline predict on the search's validation images; None: not kept.
        notes: what users noted of the study and its trials, the oldest first.
        queue: the configurations that wait to be tried, the next one first.
        work: what another process does with the study at this moment; None: none runs it.
        requests: what users asked of the study while it ran, the oldest first, and what came of it.
        experience: what its search began with, in words; empty if with nothing but its own trials.
        nodes: the nodes of a cluster that trained it; none if only this machine did.
        moves: the trials that left a node and went on elsewhere, in that order.
        storage: the path or URL of the database it was read from, without its password.
    """

    study: Study
    frame: pd.DataFrame
    curves: pd.DataFrame
    provenance: dict[str, Any] = field(default_factory=dict)
    verdict: Verdict | None = None
    ablation: Ablation | None = None
    test_looks: int = 0
    predictions: Predictions | None = None
    searched: Searched | None = None
    smaller: tuple[Verdict, ...] = ()
    notes: tuple[Note, ...] = ()
    queue: tuple[Queued, ...] = ()
    requests: tuple[Request, ...] = ()
    work: Work | None = None
    experience: str = ""
    nodes: tuple[Node, ...] = ()
    moves: tuple[Move, ...] = ()
    storage: str = STORAGE

    def command(self, verb: str, *arguments: str, options: Iterable[str] = ()) -> str:
        """A command on this study, as it is typed where the result was read."""
        return sweep_command(verb, self.study.name, *arguments, options=options, storage=self.storage)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each number of training images that networks were confirmed on, the fewest first."""
        return self.smaller if self.verdict is None else (*self.smaller, self.verdict)

    def verdict_on(self, size: Size) -> Verdict | None:
        """The verdict on so many images; None without one."""
        return next((each for each in self.verdicts if each.size.train_size == size.train_size), None)

    @property
    def best(self) -> Configuration:
        """The configuration of the best trial.

        Raises:
            InputError: no trial has a score yet.
        """
        return self.configuration(self.best_trial)

    @property
    def best_trial(self) -> int:
        """The number of the trial with the highest `expected` score, completed or not; of equals, the earliest.

        Raises:
            InputError: no trial has a score yet.
        """
        if not self.has_best:
            raise InputError(
                f"Study {self.study.name!r} has no trial with a score yet. `{self.command('run')}` resumes it."
            )
        return int(self.frame["trial"].iloc[self.frame["expected"].argmax()])

    @property
    def has_best(self) -> bool:
        """Whether some trial has a score, so that one is the best."""
        return bool(self.frame["expected"].notna().any())

    @property
    def recommended(self) -> int:
        """The number of the trial that the verdict recommends; without a verdict, of the best by search.

        Raises:
            InputError: no trial has a score yet.
        """
        return self.best_trial if self.verdict is None else self.verdict.recommended

    def score(self, trial: int) -> float:
        """A trial's score after its last epoch, from 0 to 1; NaN without one."""
        return float(self._row(trial)["score"])

    def folds(self, trial: int) -> int:
        """How many folds have scored a trial; 1 in a study without folds.

        Raises:
            InputError: the study has no such trial.
        """
        return int(self._row(trial)["folds"])

    def completed_score(self, trial: int) -> float | None:
        """A trial's score after its last epoch; None unless it has completed."""
        row = self._row(trial)
        return float(row["score"]) if row["outcome"] == "completed" else None

    def so_far(self, trial: int) -> str:
        """How far a trial is, to be put behind its score; empty once it has completed."""
        row = self._row(trial)
        return so_far(row["trained_epochs"], self.configuration(trial).epochs, row["outcome"] == "completed")

    @property
    def baseline_score(self) -> float | None:
        """The score of the baseline; None before it has completed."""
        done = self.frame["score"][self.frame["baseline"] & (self.frame["outcome"] == "completed")]
        return None if done.empty else float(done.iloc[0])

    @property
    def baseline_beside(self) -> tuple[float, str]:
        """The baseline's score after as many epochs as the best trial has, or its last if it has not come as far.

        NaN without one. With it comes how far the baseline is there, to be put behind the score: empty at its end.
        """
        best = self._row(self.best_trial)
        base = math.nan if best["baseline"] else float(best["score"] - best["difference"])
        if not missing(base):
            at_the_end = self.baseline_score is not None and math.isclose(base, self.baseline_score)
            return base, "" if at_the_end else f" after {epochs(best['trained_epochs'])}"
        own = self.frame[["trial", "score"]][self.frame["baseline"] & self.frame["score"].notna()]
        if own.empty:
            return math.nan, ""
        return float(own["score"].iloc[0]), self.so_far(int(own["trial"].iloc[0]))

    @property
    def images(self) -> float:
        """How many images a score counts, which decides its noise: see `sweep.data.metric.images_that_count`."""
        return float(self.provenance.get("images that count", self.study.scoring))

    @property
    def gain(self) -> Gain | None:
        """What the best trial is expected to gain over the baseline; None where they have no scores that compare."""
        return gain_of_best(self.frame, self.images, self.verdict)

    def configuration(self, trial: int) -> Configuration:
        """The configuration of one trial."""
        return configuration_of(self._row(trial), self.study.base)

    def sizes(self, trial: int) -> Sizes:
        """What the network of a trial costs.

        Raises:
            InputError: its network was never built.
        """
        row = self._row(trial)
        if pd.isna(row["parameters"]):
            why = f": {row['reason']}" if row["reason"] else ""
            raise InputError(f"The network of trial {trial} of study {self.study.name!r} was never built{why}.")
        return Sizes(int(row["parameters"]), int(row["flops"]))

    def __repr__(self) -> str:
        """One line: the study's name, how many trials it has, and the best of them."""
        trials = several(len(self.frame), "trial")
        if not self.has_best:
            return f"<Result {self.study.name!r}: {trials}, none with a score>"
        number = self.best_trial
        best = f"best {percent(self.score(number))}{unit(self.study.metric)}{self.so_far(number)} (trial {number})"
        return f"<Result {self.study.name!r}: {trials}, {best}>"

    def __str__(self) -> str:
        """The lines that `sweep run` ends with."""
        return "\n".join(_lines(self))

    def verdict_lines(self) -> Iterator[str]:
        """What a confirmation concluded, as `sweep confirm` prints it; there has been one."""
        assert self.verdict is not None
        changes = changes_in_words(self.configuration(self.verdict.recommended), self.study.base)
        lines = verdict_lines(self.verdict, changes, self.test_looks)
        yield from filter(None, [self.limit, *lines, climb_in_words(self.verdicts)])

    @property
    def limit(self) -> str:
        """What must be said first of what the verdict recommends, if it was drawn below full size; else empty."""
        if self.verdict is None:
            return ""
        of_a_seed = sum(self.training_seconds(each.trial) for each in self.verdict.trials)
        seconds = len(self.verdict.seeds) * of_a_seed
        return self.verdict.size.limit(self.study.name, seconds, storage=self.storage)

    def training_seconds(self, trial: int) -> float:
        """What a run of a trial takes to its last epoch, by one worker, at its pace in the search; 0 if unknown."""
        row = self._found(trial)
        if row is None or not row["trained_epochs"] > 0 or missing(row["seconds"]):
            return 0.0
        pace = float(row["seconds"] / row["folds"] / row["trained_epochs"])
        return pace * configuration_of(row, self.study.base).epochs

    @property
    def table(self) -> pd.DataFrame:
        """One row per trial, in the order of `sweep show`: `TABLE_COLUMNS`, and between them what varied."""
        frame = standing(self.frame)
        varied = [name for name in self.study.drawn if name in frame]
        return frame[[*TABLE_COLUMNS[:3], *varied, *TABLE_COLUMNS[3:]]].reset_index(drop=True)

    def _repr_html_(self) -> str:
        """What a notebook shows. Pages stand above results, so they are found by name, and only here."""
        shown: str = import_module("reports.notebook").cell(self)
        return shown

    @property
    def image_shape(self) -> ImageShape:
        """(height, width, channels) of the images; those of MNIST where an early version did not store it."""
        height, width, channels = self.provenance.get("image shape", DATASETS["mnist"].image_shape)
        return height, width, channels

    @property
    def classes(self) -> int:
        return int(self.provenance.get("classes", DATASETS["mnist"].classes))

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

    def wrong(self) -> Wrong | None:
        """Which validation images trials of `searched` classify wrong; None without any. Fetches nothing.

        Raises:
            DataError: as `mistakes`.
        """
        return None if self.searched is None else wrong(self.searched)

    def noted(self, text: str = "") -> "Result":
        """This result with those trials alone that have this text in a note, in upper or lower case."""
        notes = self.frame["note"]
        kept = self.frame[(notes != "") & notes.str.contains(text, case=False, regex=False)]
        curves = self.curves[self.curves["trial"].isin(kept["trial"])]
        return replace(self, frame=kept.reset_index(drop=True), curves=curves.reset_index(drop=True))

    def require(self, trial: int) -> None:
        """Checks that there is a trial of this number."""
        self._row(trial)

    def _row(self, trial: int) -> "pd.Series[Any]":
        row = self._found(trial)
        if row is not None:
            return row
        known = f"its trials are 0 to {len(self.frame) - 1}" if len(self.frame) else "it has none yet"
        raise InputError(f"Study {self.study.name!r} has no trial {trial}; {known}.")

    def _found(self, trial: int) -> "pd.Series[Any] | None":
        places = np.flatnonzero(self.frame["trial"] == trial)
        return self.frame.iloc[places[0]] if len(places) else None


def configuration_of(row: "Mapping[Any, Any] | pd.Series[Any]", base: Configuration) -> Configuration:
    """The configuration of a trial, from its row of a frame; `base` is that of its study."""
    values = {name: row[name] for name in base.parameters if name in row and not missing(row[name])}
    return base.replaced({name: base.parameters[name].kind(value) for name, value in values.items()})


def _lines(found: Result) -> Iterator[str]:
    """The best trial, what it is expected to gain over the baseline, and the verdict if there is one."""
    frame = found.frame
    if frame.empty:
        yield f"{found.study.name}: no trial has started"
        return
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in frame["outcome"].value_counts().items())
    trials = several(len(frame), "trial")
    by = f", scored by{metric}" if (metric := unit(found.study.metric)) else ""
    yield f"{found.study.name}: {trials} ({outcomes}), {duration(frame['cost'].sum())} of training{by}"
    if found.experience:
        yield found.experience
    if not found.has_best:
        yield "no trial has a score"
        yield from sorted(set(frame["reason"]) - {""})[:3]
        return
    yield from _search_lines(found)
    if found.verdict is not None:
        yield from found.verdict_lines()


def _search_lines(found: Result) -> Iterator[str]:
    number, study = found.best_trial, found.study
    row = found.frame[found.frame["trial"] == number].to_dict("records")[0]
    configuration = found.configuration(number)
    changes = changes_in_words(configuration, study.base)
    yield f"best        {percent(row['score'])}{found.so_far(number)}  trial {number}: {changes}"
    whose = "the tutorial" if study.base == Configuration() else "the study"
    baseline, after = found.baseline_beside
    yield f"baseline    {percent(baseline)}{after}  {whose}'s configuration"
    gain, confirmed = found.gain, found.verdict is not None and found.verdict.find(number) is not None
    if gain is not None and not row["baseline"] and not confirmed:
        yield f"expected    {gain_in_words(gain)}{'' if gain.clear else '; this may be luck'}"
    ahead = look_ahead(study, found.frame, found.images)
    for clause in [] if ahead is None else in_words(ahead, lambda edge: f"{edge.name} {value(edge.value)}"):
        yield f"outlook     {clause}"
