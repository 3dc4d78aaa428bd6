"""What is exported: a trial's configuration, and all that is known of it."""

import math
from dataclasses import dataclass, replace

import numpy as np

from sweep.data.dataset import Dataset
from sweep.data.metric import IN_WORDS, unit
from sweep.data.names import DATASETS
from sweep.errors import InputError
from sweep.models.model import Architecture, Infeasible, Sizes
from sweep.results.result import Result
from sweep.results.verdict import ALPHA, ConfirmedTrial, Estimate
from sweep.runs import BASELINE, Run
from sweep.space.configuration import Configuration
from sweep.storage.store import Reader
from sweep.verdict.estimates import estimate, prediction
from sweep.verdict.folds import fresh_seeds
from sweep.wording import percent, shown, wrapped

SURE = 0.001
"""How often a sound run of an exported script may be told that something is wrong."""


@dataclass(frozen=True)
class Sealed:
    """Accuracies on the `images` test images, of one configuration trained on all training images, a seed each.

    `others` are further accuracies on several seeds, (seeds,) each: of the baseline on the test images, and of all
    confirmed trials on the fresh seeds.
    """

    accuracies: tuple[float, ...]
    images: int
    others: tuple[tuple[float, ...], ...] = ()

    @property
    def mean(self) -> Estimate | None:
        """Their mean with its 95 % interval; None without any."""
        return estimate(self.accuracies, self._image_variance) if self.accuracies else None

    @property
    def one_more_run(self) -> tuple[float, float] | None:
        """The 95 % prediction interval of one more run, to a hundredth of a point outwards; None below two seeds.

        It is Student's t for a single further value (`sweep.verdict.estimates.prediction`), not the interval of their
        mean. All runs are scored on the same images, so that only the differences between seeds count. Seeds that agree
        more closely than new images would allow do not make it short (`sweep.verdict.estimates.estimate`).
        """
        return self._prediction(ALPHA)

    @property
    def any_sound_run(self) -> tuple[float, float] | None:
        """The same with 99.9 %: outside of it, something is wrong."""
        return self._prediction(SURE)

    def _prediction(self, wrong: float) -> tuple[float, float] | None:
        if len(self.accuracies) < 2:
            return None
        others = [np.array(each) for each in self.others if len(each) > 1]
        low, high = prediction(self.accuracies, self._image_variance, others, wrong)
        return max(0, math.floor(1e4 * low)) / 1e4, min(10_000, math.ceil(1e4 * high)) / 1e4

    @property
    def _image_variance(self) -> float:
        return sum(p * (1 - p) for p in self.accuracies) / len(self.accuracies) / self.images


@dataclass(frozen=True)
class Selection:
    """A trial to be exported; `tested` is what the sealed test found of it, `baseline_tested` of the baseline."""

    result: Result
    trial: int
    dataset: Dataset
    network: Architecture | Sizes
    tested: Sealed
    baseline_tested: Sealed

    @property
    def configuration(self) -> Configuration:
        return self.result.configuration(self.trial)

    @property
    def run(self) -> Run:
        """The run of the model: on all training images, with a seed that was fixed before its accuracy was known."""
        return sealed_run(self.result, self.trial, _fresh_seeds(self.result, 1)[0], self.dataset)

    @property
    def unused_seed(self) -> int:
        """A seed that neither the search nor the verdict nor the model has used."""
        return _fresh_seeds(self.result, max(1, len(_seeds(self.result))) + 1)[-1]


def select(store: Reader, result: Result, trial: int, dataset: Dataset) -> Selection:
    """A trial of a study with what the sealed test found of it, if it was tested.

    Raises:
        InputError: the study has no such trial, or its network cannot exist or was never built.
    """
    configuration = result.configuration(trial)
    try:
        network = configuration.inspect(dataset.image_shape, dataset.classes) or result.sizes(trial)
    except Infeasible as reason:
        what = f"trial {trial} of study {result.study.name!r}"
        raise InputError(f"The network of {what} cannot exist: {reason}.") from None
    tested, baseline_tested = (_tested(store, result, number, dataset) for number in (trial, BASELINE))
    folds = (
        [each.scores for each in result.verdict.trials if min(each.scores) > max(each.scores) / 2]
        if result.verdict and result.study.metric == "accuracy"
        else []
    )
    others = [baseline_tested.accuracies] if trial != BASELINE else []
    tested = replace(tested, others=(*others, *folds))
    return Selection(result, trial, dataset, network, tested, baseline_tested)


def sealed_run(result: Result, trial: int, seed: int, dataset: Dataset) -> Run:
    """A trial's configuration on all training images, scored by its accuracy on the test images."""
    study = result.study
    assert study.precision != "auto"
    return Run(result.configuration(trial), seed, dataset.source, dataset.digest, None, study.precision)


def confirmed_trial(result: Result, trial: int) -> ConfirmedTrial | None:
    """How the verdict judges a trial; None where it was not confirmed."""
    return None if result.verdict is None else result.verdict.find(trial)


def heading(result: Result, trial: int) -> list[str]:
    """A configuration and what is known of it, in lines for comments: whatever a path holds, it stays on its line."""
    study = result.study
    source = study.data if study.data in DATASETS else shown(study.data)
    score = result.score(trial)
    early = "" if result.completed_score(trial) is not None else " before its last epoch"
    found_in_search = f"validation {IN_WORDS[study.metric]} {percent(score)}{early}"
    found_in_search = "not scored" if math.isnan(score) else found_in_search
    images, on = "held-out images", ", each with held-out images of its own"
    if study.given:
        images, on = "validation images", ", all on the same images"
    folds = result.folds(trial)
    once = "one run" if folds == 1 else f"the mean over {folds} folds"
    lines = [
        f"The configuration of trial {trial} of study {study.name!r}: {found_in_search}",
        f"on {study.validation:,} {images} of {source}, {once}, seed {study.seed}.",
    ]
    if (found := confirmed_trial(result, trial)) is not None:
        seeds = f"{len(found.scores)} fresh seeds{on}"
        lines.append(f"On {seeds}: {percent(found.mean.value)}{unit(study.metric)}.")
        lines += wrapped(result.limit, 100)
    return lines


def _seeds(result: Result) -> tuple[int, ...]:
    return () if result.verdict is None else result.verdict.seeds


def _fresh_seeds(result: Result, count: int) -> tuple[int, ...]:
    """Those of the verdict, then further ones."""
    return fresh_seeds(result.study, count, _seeds(result))


def _tested(store: Reader, result: Result, trial: int, dataset: Dataset) -> Sealed:
    runs = [sealed_run(result, trial, seed, dataset) for seed in _seeds(result)]
    ends = [
        each for run in runs for each in store.runs.curve(run.fingerprint) if each.epoch == run.configuration.epochs
    ]
    return Sealed(tuple(epoch.val_accuracy for epoch in ends), len(dataset.y_test))
