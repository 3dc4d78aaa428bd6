"""Confirming: the best few and the baseline on fresh seeds, then whichever is recommended on the sealed test images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.coordinator.batch import Batch, Trained
from sweep.data.dataset import Dataset, Split
from sweep.errors import InputError
from sweep.models.shapes import Architecture
from sweep.results.result import Result
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.study.study import Study
from sweep.verdict.statistics import (
    FIRST_LOOK,
    Candidate,
    Conclusion,
    Estimate,
    Hits,
    Verdict,
    behind,
    conclude,
    difference,
    estimate,
    known,
)

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


def ranked(result: Result) -> list[int]:
    """The trials that the search would recommend, the best first: none twice, the baseline apart.

    Completed ones come first. Where rungs let few come so far before the time was over, those that were trained for an
    epoch at least follow, the furthest first: what is confirmed is trained anew, on seeds of its own.
    """
    frame = result.frame[~result.frame["baseline"].astype(bool)]
    completed = frame["outcome"] == "completed"
    halted = frame["outcome"].isin(["paused", "interrupted"]) & (frame["trained_epochs"] >= 1)
    reached = frame["trained_epochs"].where(~completed, math.inf)
    found = frame.assign(reached=reached)[completed | (halted & (result.study.pruner == "asha"))]
    best_first = found.sort_values(["reached", "score", "trial"], ascending=[False, False, True])
    return [int(number) for number in best_first.drop_duplicates(["fingerprint", "epochs"])["trial"]]


def chosen(result: Result, top: int) -> list[int]:
    """The first `top` of them.

    Raises:
        InputError: there are none.
    """
    found = ranked(result)[:top]
    if not found:
        raise InputError(
            f"Study {result.study.name!r} has no trial beside the baseline that came far enough to be confirmed. "
            f"`sweep run` goes on with it."
        )
    return found


def affordable(result: Result, trials: Sequence[int], seconds: float, test_weight: float) -> list[int]:
    """Those of the trials that, with the baseline, `seconds` of training are enough for; at least the cheapest.

    Enough means three seeds and then the test images; where none fits so, three seeds alone, and else two. What a trial
    takes is judged by its search: an epoch's seconds, for all its epochs. Of the trials, the one that takes longest is
    thought to meet the test images, at `test_weight`.
    """
    rows = result.frame.set_index("trial")
    paces = (rows["seconds"] / rows["trained_epochs"].where(rows["trained_epochs"] > 0)).fillna(0.0)
    costs = {number: float(paces[number]) * result.configuration(number).epochs for number in trials}
    baseline = float(paces.get(BASELINE, 0.0)) * result.study.base.epochs
    for seeds, weight in ((FIRST_LOOK, test_weight), (FIRST_LOOK, 0.0), (2, 0.0)):
        found: list[int] = []
        for number in trials:
            entrants = [costs[each] for each in (*found, number)]
            if seeds * (baseline + sum(entrants) + weight * (baseline + max(entrants))) <= seconds:
                found.append(number)
        if found:
            return found
    return [min(trials, key=costs.__getitem__)]


def again(result: Result, top: int) -> list[int]:
    """The first `top` of them and those that a verdict is of already; none where none has completed."""
    before = [] if result.verdict is None else [each["trial"] for each in result.verdict["standings"]]
    return [number for number in dict.fromkeys([*ranked(result)[:top], *before]) if number != BASELINE]


class Folds:
    """Configurations trained on a seed each, with that seed's own validation fold, common to all of them.

    `study` says on what data, in folds of what size; `batch` trains.
    """

    def __init__(self, study: Study, dataset: Dataset, batch: Batch) -> None:
        self._study, self._dataset, self._batch = study, dataset, batch

    def train(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> list[dict[Configuration, Hits]]:
        """Which images of a seed's fold each of them gets right, (images,); for fewer seeds where the time was over."""
        trained = iter(self._batch.train(self._runs(configurations, seeds)))
        found = []
        for seed in seeds:
            of_seed = [next(trained) for _ in configurations]
            if any(each is None for each in of_seed):
                break
            labels = self._dataset.y_train[self._split(seed).indices(self._dataset.y_train)[1]]
            found.append({one: hits(each, labels) for one, each in zip(configurations, of_seed, strict=True) if each})
        return found

    def untrained(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> int:
        """How many runs `train` would have to train."""
        return sum(not self._batch.knows(run) for run in self._runs(configurations, seeds))

    def seeds_at_once(self, configurations: int) -> int:
        """On how many seeds so many of them are trained at once, lest workers wait for the last run of each seed."""
        workers = self._batch.workers
        return 1 if workers == 1 else math.ceil(2 * workers / configurations)

    def test(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> list[list[float]] | None:
        """The accuracy of each on the test images, with each seed: breaks the seal. None: out of time, or one failed.

        They are trained on all training images.
        """
        trained = self._batch.train([self._run(each, seed, None) for seed in seeds for each in configurations])
        accuracies = [
            float(hits(each, self._dataset.y_test).mean()) for each in trained if each and each.predicted is not None
        ]
        if len(accuracies) < len(trained):
            return None
        return [accuracies[place :: len(configurations)] for place in range(len(configurations))]

    def has_time_for(self, runs: float) -> bool:
        """Whether so many more runs on folds would be done in time, at the pace so far."""
        return self._batch.has_time_for(runs)

    @property
    def test_weight(self) -> float:
        """What a run on all training images takes, in runs on folds."""
        images = len(self._dataset.y_train)
        return images / (self._study.train_size or images - self._study.validation)

    def _runs(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> list[Run]:
        return [self._run(each, seed, self._split(seed)) for seed in seeds for each in configurations]

    def _split(self, seed: int) -> Split:
        return Split(seed, self._study.validation, self._study.train_size)

    def _run(self, configuration: Configuration, seed: int, split: Split | None) -> Run:
        study = self._study
        assert study.precision != "auto"
        return Run(configuration, seed, study.data, self._dataset.digest, split, study.precision)


class Entry(Protocol):
    """Configurations that are to be trained on the same seeds; `seeds` are those that they had."""

    seeds: tuple[int, ...]

    @property
    def configurations(self) -> Sequence[Configuration]:
        """What wants the next seed; empty where nothing more does."""

    def take(self, seed: int, hits: Sequence[Hits]) -> None:
        """Takes note of what each of them got right on that seed's fold."""


def require_one(entry: Entry) -> None:
    """Whatever is to be concluded takes a seed.

    Raises:
        InputError: there was no time for one.
    """
    if not entry.seeds:
        raise InputError("The time was over before everybody had one seed; what was trained is kept. Give it more.")


def train_together(entries: Sequence[Entry], seeds: Sequence[int], folds: Folds, then: float = 0.0) -> bool:
    """Trains all entries on as many of the seeds as there is time for, all on the same; returns whether on all.

    Afterwards comes what takes `then` runs for each seed. Three seeds go before that: with two, hardly anything is told
    apart. Further ones leave it the time that it needs, unless that is too short anyway.
    """
    done = 0
    while done < len(seeds):
        wanted = list(dict.fromkeys(each for entry in entries for each in entry.configurations))
        if not wanted:
            break
        following = list(seeds[done : done + folds.seeds_at_once(len(wanted))])
        afterwards = then if done >= FIRST_LOOK and folds.has_time_for(then * done) else 0
        while done and following:
            runs = folds.untrained(wanted, following) + afterwards * (done + len(following))
            if folds.has_time_for(runs):
                break
            following.pop()
        found = folds.train(wanted, following)
        for seed, hits_of in zip(following, found, strict=False):
            for entry in entries:
                if entry.configurations:
                    entry.take(seed, [hits_of[each] for each in entry.configurations])
        done += len(found)
        if not found or len(found) < len(following):
            return False
    return True


class Race:
    """The baseline and some trials of a study, trained on seed after seed; whoever is clearly behind gets no more.

    `shape` gives the network of a configuration; `racing` are the numbers of those that get the next seed, after
    `seeds`.
    """

    def __init__(self, result: Result, trials: Sequence[int], shape: Shape) -> None:
        self._configurations = {BASELINE: result.study.base} | {n: result.configuration(n) for n in trials}
        completed = set(result.frame.loc[result.frame["outcome"] == "completed", "trial"])
        scores = {BASELINE: result.baseline_score}
        scores |= {number: result.score(number) if number in completed else None for number in trials}
        shapes = {number: shape(configuration) for number, configuration in self._configurations.items()}
        self._entrants = {
            number: Candidate(number, shapes[number].parameters, shapes[number].flops, scores[number], ())
            for number in self._configurations
        }
        self.racing = list(self._entrants)
        self.seeds: tuple[int, ...] = ()

    @property
    def configurations(self) -> list[Configuration]:
        alone = len(self.racing) == 1 and len(self.seeds) > 1  # with one seed, nothing could be concluded
        return [] if alone else [self._configurations[number] for number in self.racing]

    def take(self, seed: int, hits: Sequence[Hits]) -> None:
        for number, each in zip(self.racing, hits, strict=True):
            entrant = self._entrants[number]
            self._entrants[number] = replace(entrant, hits=(*entrant.hits, each))
        self.seeds += (seed,)
        stopped = behind(self._entrants[BASELINE], self._candidates)
        self.racing = [number for number in self.racing if number not in stopped]

    def confirmation(self) -> Confirmation:
        """What its seeds say, without a look at the test images.

        Raises:
            InputError: there was no time for one.
        """
        require_one(self)
        return Confirmation(self.seeds, conclude(self._entrants[BASELINE], self._candidates), None)

    def tested(self, folds: Folds, look: Callable[[str], None]) -> Confirmation:
        """The same, and then what the test images say, if something is recommended and there is time.

        `look` is told when their seal is broken, and for what.
        """
        confirmation = self.confirmation()
        verdict, seeds = confirmation.verdict, self.seeds
        numbers = list(dict.fromkeys((BASELINE, verdict.recommended.candidate.label)))
        runs = len(numbers) * len(seeds) * folds.test_weight
        if verdict.conclusion is Conclusion.UNKNOWN or not folds.has_time_for(runs):
            return confirmation
        look(f"trials {numbers} on seeds {list(seeds)}".translate(str.maketrans("", "", "[]")))
        accuracies = folds.test([self._configurations[number] for number in numbers], seeds)
        if accuracies is None:
            return confirmation
        baseline, recommended = accuracies[0], accuracies[-1]
        gap = None if len(numbers) == 1 else difference(recommended, baseline)
        return replace(confirmation, test=SealedTest(estimate(recommended), estimate(baseline), gap))

    @property
    def _candidates(self) -> list[Candidate]:
        return [entrant for number, entrant in self._entrants.items() if number != BASELINE]


def hits(trained: Trained, labels: NDArray[np.int32]) -> Hits:
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
                "mean": standing.mean.document,
                "difference": standing.difference and standing.difference.document,
                "p": known(standing.p),
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
            "recommended": test.recommended.document,
            "baseline": test.baseline.document,
            "difference": test.difference and test.difference.document,
        },
    }


def beside(confirmation: Confirmation, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The document of a confirmation without a look at the test images, to be kept in place of that `before`.

    What the test images said of the same recommendation on the same seeds stays. None: there were more seeds before.
    """
    found = as_document(confirmation)
    if before is None:
        return found
    same = all(found[name] == before[name] for name in ("seeds", "recommended"))
    return None if len(before["seeds"]) > len(found["seeds"]) else found | {"test": before["test"] if same else None}
