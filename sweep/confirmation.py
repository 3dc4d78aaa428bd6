"""Confirming: the best few and the baseline on fresh seeds, then whichever is recommended on the sealed test images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.architecture import Architecture
from sweep.batch import Batch, Trained
from sweep.configuration import Configuration
from sweep.data import Dataset, Split
from sweep.errors import InputError
from sweep.results import Result
from sweep.spec import Study
from sweep.verdict import Candidate, Conclusion, Estimate, Verdict, behind, conclude, difference, estimate
from sweep.work import Run

Shape = Callable[[Configuration], Architecture]

BASELINE = 0
"""The number of the baseline's trial."""


@dataclass(frozen=True)
class SealedTest:
    """Recommended and baseline, trained on all training images with each seed, on the test images.

    `difference` is None where the baseline is what was recommended.
    """

    recommended: Estimate
    baseline: Estimate
    difference: Estimate | None


@dataclass(frozen=True)
class Confirmation:
    """What a confirmation came to: on which `seeds`, with what verdict, and on the test images, if it came so far."""

    seeds: tuple[int, ...]
    verdict: Verdict
    test: SealedTest | None


def fresh_seeds(study: Study, count: int) -> tuple[int, ...]:
    """Seeds that the search of this study never used; each decides a fold, initial weights and shuffling."""
    return tuple((study.seed + 1 + place) % 2**32 for place in range(count))


def chosen(result: Result, top: int) -> list[int]:
    """The trials that the search would recommend, the best first: completed, none twice, the baseline apart.

    Raises:
        InputError: there are none.
    """
    frame = result.frame
    found = frame[(frame["outcome"] == "completed") & ~frame["baseline"].astype(bool)]
    ranked = found.sort_values(["score", "trial"], ascending=[False, True])
    different = ranked.drop_duplicates(["fingerprint", "epochs"])
    if different.empty:
        raise InputError(
            f"Study {result.study.name!r} has no completed trial beside the baseline, so there is nothing to confirm. "
            f"`sweep run` goes on with it."
        )
    return [int(number) for number in different["trial"].head(top)]


class Race:
    """The baseline and some trials of a study, trained on seed after seed; whoever is clearly behind gets no more.

    `batch` trains; `shape` gives the network of a configuration; `look` is told when the seal of the test images is
    broken, and for what.
    """

    def __init__(
        self,
        result: Result,
        trials: Sequence[int],
        dataset: Dataset,
        batch: Batch,
        shape: Shape,
        look: Callable[[str], None],
    ) -> None:
        self._study, self._dataset, self._batch, self._look = result.study, dataset, batch, look
        self._configurations = {BASELINE: result.study.base} | {n: result.configuration(n) for n in trials}
        scores = {BASELINE: result.baseline_score} | {number: result.score(number) for number in trials}
        shapes = {number: shape(configuration) for number, configuration in self._configurations.items()}
        self._entrants = {
            number: Candidate(number, shapes[number].parameters, shapes[number].flops, scores[number], ())
            for number in self._configurations
        }
        self._racing = list(self._entrants)

    def run(self, seeds: Sequence[int]) -> Confirmation:
        """The verdict after as many of the seeds as there is time for, and the sealed test if there is more.

        Raises:
            InputError: there was not time for one seed.
        """
        done: list[int] = []
        for seed in seeds:
            alone = len(self._racing) == 1 and len(done) > 1  # with one seed, nothing could be concluded
            if alone or (done and not self._batch.has_time_for(self._runs_left(len(done)))):
                break
            split = Split(seed, self._study.validation, self._study.train_size)
            trained = self._train(self._racing, seed, split)
            if trained is None:
                break
            labels = self._dataset.y_train[split.indices(self._dataset.y_train)[1]]
            for number, each in zip(self._racing, trained, strict=True):
                entrant = self._entrants[number]
                self._entrants[number] = replace(entrant, hits=(*entrant.hits, hits(each, labels)))
            done.append(seed)
            stopped = behind(self._entrants[BASELINE], self._candidates)
            self._racing = [number for number in self._racing if number not in stopped]
        if not done:
            raise InputError("The time was over before everybody had one seed; what was trained is kept. Give it more.")
        verdict = conclude(self._entrants[BASELINE], self._candidates)
        return Confirmation(tuple(done), verdict, self._sealed_test(verdict, done))

    @property
    def _candidates(self) -> list[Candidate]:
        return [entrant for number, entrant in self._entrants.items() if number != BASELINE]

    def _runs_left(self, done: int) -> float:
        """What the next seed and the sealed test after it amount to, in runs of the race.

        A second seed is worth having also where no time for the test is left: one tells nothing apart.
        """
        if done < 2:
            return len(self._racing)
        return len(self._racing) + 2 * (done + 1) * self._sealed_weight

    @property
    def _sealed_weight(self) -> float:
        """What a run of the sealed test takes, on all training images, in runs of the race."""
        images = len(self._dataset.y_train)
        return images / (self._study.train_size or images - self._study.validation)

    def _sealed_test(self, verdict: Verdict, seeds: Sequence[int]) -> SealedTest | None:
        """The look at the test images; none where nothing is recommended, a run fails, or the time is over."""
        if verdict.conclusion is Conclusion.UNKNOWN:
            return None
        numbers = list(dict.fromkeys((BASELINE, verdict.recommended.candidate.label)))
        if not self._batch.has_time_for(len(numbers) * len(seeds) * self._sealed_weight):
            return None
        on = f"trials {numbers} on seeds {list(seeds)}".translate(str.maketrans("", "", "[]"))
        self._look(on)  # from here on, whoever watches sees test images scored
        trained = self._batch.train([self._run(number, seed, None) for seed in seeds for number in numbers])
        if trained is None or any(each.predicted is None for each in trained):
            return None
        accuracies = [float(hits(each, self._dataset.y_test).mean()) for each in trained]
        baseline, recommended = (accuracies[place :: len(numbers)] for place in (0, -1 % len(numbers)))
        return SealedTest(
            recommended=estimate(recommended),
            baseline=estimate(baseline),
            difference=None if len(numbers) == 1 else difference(recommended, baseline),
        )

    def _train(self, numbers: Sequence[int], seed: int, split: Split) -> list[Trained] | None:
        return self._batch.train([self._run(number, seed, split) for number in numbers])

    def _run(self, number: int, seed: int, split: Split | None) -> Run:
        study = self._study
        assert study.precision != "auto"
        configuration = self._configurations[number]
        return Run(configuration, seed, study.data, self._dataset.digest, split, study.precision)


def hits(trained: Trained, labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which images a run got right, (images,); none of them where it failed."""
    if trained.predicted is None:
        return np.zeros(len(labels), np.bool_)
    return np.equal(trained.predicted, labels)


def as_document(confirmation: Confirmation) -> dict[str, Any]:
    """A confirmation as JSON has it; an unknown bound or p-value is null."""
    verdict, test = confirmation.verdict, confirmation.test
    return {
        "seeds": list(confirmation.seeds),
        "conclusion": str(verdict.conclusion),
        "recommended": verdict.recommended.candidate.label,
        "standings": [
            {
                "trial": standing.candidate.label,
                "parameters": standing.candidate.parameters,
                "flops": standing.candidate.flops,
                "search_score": standing.candidate.score,
                "luck": standing.luck,
                "scores": [float(score) for score in standing.candidate.scores],
                "mean": _estimate(standing.mean),
                "difference": _estimate(standing.difference),
                "p": _number(standing.p),
                "better": standing.better,
                "worse": standing.worse,
                "tied": standing.tied,
                "raced_out": standing.raced_out,
            }
            for standing in verdict.standings
        ],
        "test": None
        if test is None
        else {
            "recommended": _estimate(test.recommended),
            "baseline": _estimate(test.baseline),
            "difference": _estimate(test.difference),
        },
    }


def _estimate(estimate: Estimate | None) -> dict[str, float | None] | None:
    return None if estimate is None else {name: _number(value) for name, value in vars(estimate).items()}


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
