"""The race: a study's best few and its baseline on fresh seeds, then the recommended one on the sealed test images."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sweep.coordinator.watcher import trial_label
from sweep.models.model import Architecture
from sweep.results.result import Result
from sweep.results.size import FULL_SIZE, Size
from sweep.results.verdict import Conclusion, SealedTest, Verdict
from sweep.runs import BASELINE
from sweep.space.configuration import Configuration
from sweep.verdict.folds import Folds, require_one
from sweep.verdict.statistics import LOOKS, Candidate, Hits, accuracy, behind, conclude, contrast
from sweep.verdict.time_plan import LEAST_SEEDS, MARGIN

Shape = Callable[[Configuration], Architecture | None]


class Race:
    """The baseline and some trials of a study, trained on seed after seed. Trials that are clearly behind are dropped.

    `shape` gives the network of a configuration (None: only building it tells). `racing` are the numbers of those that
    get the next seed, after `seeds`. If several studies race together, `study` is the name that goes into the labels of
    its trials.
    `tolerance` is that of the verdict, in percentage points; None: the study's.
    """

    def __init__(
        self, result: Result, trials: Sequence[int], shape: Shape, *, study: str = "", tolerance: float | None = None
    ) -> None:
        self._study, self._result = study, result
        self._tolerance = (result.study.tolerance if tolerance is None else tolerance) / 100
        self._configurations = {BASELINE: result.study.base} | {n: result.configuration(n) for n in trials}
        scores = {BASELINE: result.baseline_score} | {number: result.completed_score(number) for number in trials}
        shapes = {n: shape(each) or result.sizes(n) for n, each in self._configurations.items()}
        self._entrants = {
            number: Candidate(
                number, shapes[number].parameters, shapes[number].flops, scores[number], (), result.study.given
            )
            for number in self._configurations
        }
        self.racing = self._longest_first(self._entrants)
        self.seeds: tuple[int, ...] = ()

    @property
    def configurations(self) -> list[Configuration]:
        alone = len(self.racing) == 1 and len(self.seeds) in LOOKS
        return [] if alone else [self._configurations[number] for number in self.racing]

    def label(self, configuration: Configuration) -> str:
        number = next(each for each, other in self._configurations.items() if other == configuration)
        return "the baseline" if number == BASELINE else f"{self._study} {trial_label(number)}".lstrip()

    def take(self, seed: int, hits: Sequence[Hits]) -> None:
        for number, each in zip(self.racing, hits, strict=True):
            entrant = self._entrants[number]
            self._entrants[number] = replace(entrant, hits=(*entrant.hits, each))
        self.seeds += (seed,)
        stopped = behind(self._entrants[BASELINE], self._candidates)
        self.racing = [number for number in self.racing if number not in stopped]

    def verdict(self, size: Size = FULL_SIZE) -> Verdict:
        """What its seeds say of networks trained on so many images, without a look at the test images.

        It is drawn at the last number of seeds for a verdict.

        Raises:
            InputError: there was no time for one.
        """
        require_one(self)
        count = max((each for each in LOOKS if each <= len(self.seeds)), default=1)
        first = [replace(each, hits=each.hits[:count]) for each in self._entrants.values()]
        seeds, before = self.seeds[:count], self._result.verdict_on(size)
        earlier = before.looks_before(seeds, set(self._entrants)) if before else ()
        return replace(conclude(first[0], first[1:], seeds, self._tolerance, earlier), size=size)

    def tested_verdict(self, folds: Folds, look: Callable[[str], None]) -> Verdict:
        """The same, and then what the test images say, if something is recommended at full size and there is time.

        If there is less time, they are met on fewer of the seeds, but for an interval on `LEAST_SEEDS` at least.

        `look` is called when their seal is broken, with the reason.
        """
        verdict = self.verdict(folds.size)
        numbers = self._longest_first(dict.fromkeys((BASELINE, verdict.recommended)))
        weight = len(numbers) * folds.test_weight
        counts = range(len(verdict.seeds), LEAST_SEEDS - 1, -1)

        def enough(count: int) -> bool:
            return folds.has_time_for((1 if count == LEAST_SEEDS else MARGIN) * count * weight)

        seeds = verdict.seeds[: next(filter(enough, counts), 0)]
        if verdict.conclusion is Conclusion.UNKNOWN or not verdict.size.full or not seeds:
            return verdict
        look(f"trials {sorted(numbers)} on seeds {list(seeds)}".translate(str.maketrans("", "", "[]")))
        tested = [self._configurations[number] for number in numbers]
        found = folds.test({each: self.label(each) for each in tested}, seeds)
        if found is None:
            return verdict
        entrants = {
            number: replace(self._entrants[number], hits=each, same_images=False)  # see `SealedTest.image_error`
            for number, each in zip(numbers, found, strict=True)
        }
        baseline, recommended = entrants[BASELINE], entrants[verdict.recommended]
        gap = contrast([recommended], [baseline]) if recommended is not baseline else None
        test = SealedTest(accuracy(recommended), accuracy(baseline), gap, len(seeds), folds.test_images)
        return replace(verdict, test=test)

    def _longest_first(self, numbers: Iterable[int]) -> list[int]:
        return sorted(numbers, key=self._result.training_seconds, reverse=True)

    @property
    def _candidates(self) -> list[Candidate]:
        return [entrant for number, entrant in self._entrants.items() if number != BASELINE]


def verdict_to_keep(found: Verdict, before: Verdict | None) -> Verdict:
    """Which of two verdicts a study keeps: `before` if it has more seeds, else `found`, which did not see the test.

    What the test images said of the same recommendation on the same seeds stays.
    """
    if before is None:
        return found
    if len(before.seeds) > len(found.seeds):
        return before
    same = (found.seeds, found.recommended) == (before.seeds, before.recommended)
    return replace(found, test=before.test if same else None)
