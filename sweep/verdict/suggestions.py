"""Which suggestion is worth it: what studies have confirmed, ranked by the gain over the baseline.

A study enters with one network: what its verdict recommends or, where that is the baseline itself, the best of those
that were confirmed. A search chose its values, and fresh seeds judge them, so that they have none of the search's luck.
Where several were confirmed the seeds choose too, but the intervals of those that are shown still hold the truth in
95 % of cases. They stand for themselves, as in verdicts. Differences to the same runs of the baseline share their
variance, across studies too.

p-values are corrected at once for all networks that were confirmed in all of these studies, whichever of them is shown,
and for looking again, as in a verdict. So at most 5 % of rankings call a network different from doing nothing that is
not, although the studies share the baseline's runs and the seeds choose; for what comes of choosing where nothing is
corrected, see Benjamini & Yekutieli (2005), "False discovery rate-adjusted multiple confidence intervals for selected
parameters". How often all this is right: `benchmarks/verdict.py`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

import numpy as np

import studies
from sweep.models.parameters import Values
from sweep.results.result import Result
from sweep.results.size import Size
from sweep.results.verdict import ALPHA, GAIN, LOSS, NO_EFFECT, Conclusion, ConfirmedTrial, Estimate, Verdict, known
from sweep.space.differences import changed_values
from sweep.study.files import load
from sweep.study.study import Study
from sweep.verdict.estimates import Gap, means
from sweep.verdict.statistics import corrected, one_failed
from sweep.wording import listed, missing


class Finding(StrEnum):
    """What the fresh seeds say of a suggestion's network, compared with the baseline."""

    BETTER = "better"
    CHEAPER = "cheaper"  # without a measurable effect on the accuracy
    OPEN = "open"  # no measurable effect
    WORSE = "worse"


FINDINGS = {
    Finding.BETTER: GAIN,
    Finding.CHEAPER: f"{NO_EFFECT}, but cheaper",
    Finding.OPEN: NO_EFFECT,
    Finding.WORSE: LOSS,
}
"""In words, compared with the baseline."""


@dataclass(frozen=True)
class Suggestion:
    """What a study's change gains.

    Attributes:
        study: the study's name.
        trial: the number of the trial that represents it.
        values: those of its values that differ from the baseline's.
        recommended: the study's verdict recommends this trial, not the baseline.
        seeds: how many fresh seeds it was trained on.
        gain: mean difference to the baseline's accuracy over these seeds, from -1 to 1.
        p: the p-value of that difference, corrected for all networks; NaN for fewer than three seeds.
        finding: what the seeds say of it, compared with the baseline.
        tied: it gained most, or is not significantly behind the one that did.
        parameters: of its network; `baseline_parameters` of the baseline's.
        seconds: of one training in the search, NaN if unknown; `baseline_seconds` of the baseline's.
        size: on how many training images the gain was measured.
        storage: the path or URL of the study's database, without its password.
    """

    study: str
    trial: int
    values: Values
    recommended: bool
    seeds: int
    gain: Estimate
    p: float
    finding: Finding
    tied: bool
    parameters: int
    baseline_parameters: int
    seconds: float
    baseline_seconds: float
    size: Size
    storage: str


def suggested(train_size: int | None = None) -> list[Study]:
    """The studies of the tutorial's suggestions; with fewer training images, under names that say how many.

    Raises:
        StudyError: there cannot be so few, or so many.
    """
    tried = [load(name) for name in studies.SUGGESTIONS]
    if train_size is None:
        return tried
    return [study.replaced(name=f"{study.name}-{train_size}", train_size=train_size) for study in tried]


def ranking(results: Sequence[Result]) -> list[Suggestion]:
    """The confirmed ones of these studies, by gain, highest first; those that left their race early last."""
    everyone = [
        _Confirmed(each, each.verdict, trial) for each in results if each.verdict for trial in each.verdict.candidates
    ]
    gaps = [each.gap for each in everyone]
    gains, again = means(gaps), any(len(each.verdict.looks) > 1 for each in everyone)
    p_values = corrected(gains, [each.values.size for each in gaps], again)
    shown = [each for each in zip(everyone, gaps, gains, p_values, strict=True) if each[0].stands_for_its_study]
    shown.sort(key=lambda each: (each[0].trial.raced_out, -each[2].value))
    tied = _tied([gap for _, gap, _, _ in shown])
    return [
        each.suggestion(gain, p, one and not each.trial.raced_out)
        for (each, _, gain, p), one in zip(shown, tied, strict=True)
    ]


def as_document(found: Suggestion) -> dict[str, Any]:
    """A suggestion as JSON has it; what is not known is null."""
    numbers = {name: known(getattr(found, name)) for name in ("p", "seconds", "baseline_seconds")}
    others = {name: value for name, value in vars(found).items() if name not in ("finding", "size", "storage")}
    return others | numbers | found.size.as_document() | {"gain": found.gain.as_document(), "worth": str(found.finding)}


def limits(found: Sequence[Suggestion]) -> Iterator[str]:
    """What must be said first of gains that were measured below full size: a sentence for each size."""
    for size, group in groupby(sorted(found, key=lambda each: str(each.size)), key=lambda each: each.size):
        first, *others = group
        seconds = first.seeds * (first.seconds + first.baseline_seconds)
        names = listed(each.study for each in (first, *others))
        known_seconds = 0 if missing(seconds) else seconds
        yield from filter(None, [size.limit(first.study, known_seconds, f"The gain of {names}", first.storage)])


@dataclass(frozen=True)
class _Confirmed:
    """A network of a study's verdict, not the baseline."""

    result: Result
    verdict: Verdict
    trial: ConfirmedTrial

    @property
    def stands_for_its_study(self) -> bool:
        """Whether it is what the verdict recommends or, where that is the baseline, the best of the others."""
        candidates, recommended = self.verdict.candidates, self.verdict.recommended
        return self.trial is next((each for each in candidates if each.trial == recommended), candidates[0])

    @property
    def gap(self) -> Gap:
        """By how much it is above its baseline at each of its seeds, as if they erred on different images."""
        scores, reference = self.trial.scores, self.verdict.baseline.scores
        both = np.array([scores, reference[: len(scores)]])
        image_variance = float((both * (1 - both)).sum(axis=0).mean()) / self.result.images
        if self.verdict.same_images:  # what they add to the mean is known, and seeds do not vary by it
            image_variance = 0.0
        return Gap(both[0] - both[1], image_variance, one_failed(scores), reference, self.trial.image_error**2)

    def suggestion(self, gain: Estimate, p: float, tied: bool) -> Suggestion:
        result, trial, baseline = self.result, self.trial, self.verdict.baseline
        recommended = trial.trial == self.verdict.recommended
        cheaper = recommended and self.verdict.conclusion is Conclusion.CHEAPER
        seconds = result.frame.set_index("trial")["seconds"]
        return Suggestion(
            study=result.study.name,
            trial=trial.trial,
            values=changed_values(result.configuration(trial.trial), result.study.base),
            recommended=recommended,
            seeds=len(trial.scores),
            gain=gain,
            p=p,
            finding=_finding(gain.value, p, cheaper),
            tied=tied,
            parameters=trial.parameters,
            baseline_parameters=baseline.parameters,
            seconds=float(seconds.get(trial.trial, math.nan)),
            baseline_seconds=float(seconds.get(baseline.trial, math.nan)),
            size=self.verdict.size,
            storage=result.storage,
        )


def _finding(gain: float, p: float, cheaper: bool) -> Finding:
    if p < ALPHA:
        return Finding.BETTER if gain > 0 else Finding.WORSE
    return Finding.CHEAPER if cheaper else Finding.OPEN


def _tied(gaps: Sequence[Gap]) -> list[bool]:
    """Of each, the one that gained most first, whether it is not significantly behind that one.

    The one that truly gains most is called behind in at most 2.5 % of rankings (Bonferroni, since each may lead).
    """
    found = means([each.less(gaps[0]) for each in gaps[1:]])
    return [True, *(each.value >= 0 or not each.p < ALPHA / len(found) for each in found)][: len(gaps)]
