"""Which suggestion is worth it: what studies have confirmed, ranked by the gain over the baseline.

A study enters with one network: what its verdict recommends or, where that is the baseline itself, the best of those
that were confirmed. A search chose its values, and fresh seeds judge them, so that they have none of the search's luck.
But where several were confirmed the seeds choose too: of three equals, the interval of the one that stands for them
holds the truth in about 94 % of cases (`tests/verdict/test_suggestions.py`).
Intervals stand for themselves, as in verdicts.

p-values are corrected at once for all networks that were confirmed in all of these studies, whichever of them is shown
(Holm 1979). So at most 5 % of rankings call a network different from doing nothing that is not, although the studies
share the baseline's runs and the seeds choose; for what comes of choosing where nothing is corrected, see Benjamini &
Yekutieli (2005), "False discovery rate-adjusted multiple confidence intervals for selected parameters".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import studies
from sweep.results.result import Result
from sweep.results.verdict import ALPHA, Conclusion, ConfirmedTrial, Estimate, Verdict, known
from sweep.space.configuration import Values
from sweep.space.differences import changed_values
from sweep.study.files import load
from sweep.study.study import Study
from sweep.verdict.statistics import difference, holm


class Finding(StrEnum):
    """What the fresh seeds say of a suggestion's network, compared with the baseline."""

    BETTER = "better"
    CHEAPER = "cheaper"  # and not significantly different
    OPEN = "open"  # not significantly different
    WORSE = "worse"


FINDINGS = {
    Finding.BETTER: "better",
    Finding.CHEAPER: "not significantly different, but cheaper",
    Finding.OPEN: "not significantly different",
    Finding.WORSE: "worse",
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
        p: the p-value of that difference, corrected for all networks; NaN at one seed.
        finding: what the seeds say of it, compared with the baseline.
        tied: it gained most, or is not significantly behind the one that did.
        parameters: of its network; `baseline_parameters` of the baseline's.
        seconds: of one training in the search, NaN if unknown; `baseline_seconds` of the baseline's.
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
    confirmed = [(result, result.verdict) for result in results if result.verdict is not None]
    found = {
        (result.study.name, each.trial): each.difference.p
        for result, verdict in confirmed
        for each in verdict.candidates
        if each.difference is not None
    }
    corrected = dict(zip(found, holm(list(found.values())), strict=True))
    shown = sorted(((*each, _shown(each[1])) for each in confirmed), key=lambda each: _rank(each[2]))
    gains = [_gains(verdict, trial) for _, verdict, trial in shown]
    return [
        _suggestion(
            result,
            verdict,
            trial,
            p=corrected[result.study.name, trial.trial],
            tied=not (trial.raced_out or _is_behind(own, gains[0], len(shown) - 1)),
        )
        for (result, verdict, trial), own in zip(shown, gains, strict=True)
    ]


def as_document(found: Suggestion) -> dict[str, Any]:
    """A suggestion as JSON has it; what is not known is null."""
    numbers = {name: known(getattr(found, name)) for name in ("p", "seconds", "baseline_seconds")}
    others = {name: value for name, value in vars(found).items() if name != "finding"}
    return others | numbers | {"gain": found.gain.as_document(), "worth": str(found.finding)}


def _shown(verdict: Verdict) -> ConfirmedTrial:
    """The network that stands for a study."""
    return next((each for each in verdict.candidates if each.trial == verdict.recommended), verdict.candidates[0])


def _rank(trial: ConfirmedTrial) -> tuple[bool, float]:
    return trial.raced_out, -_gain(trial).value


def _gain(trial: ConfirmedTrial) -> Estimate:
    """A candidate's difference to the baseline."""
    assert trial.difference is not None
    return trial.difference


def _suggestion(result: Result, verdict: Verdict, trial: ConfirmedTrial, p: float, tied: bool) -> Suggestion:
    recommended = trial.trial == verdict.recommended
    cheaper = recommended and verdict.conclusion is Conclusion.CHEAPER
    gain, baseline, seconds = _gain(trial), verdict.baseline, result.frame.set_index("trial")["seconds"]
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
    )


def _finding(gain: float, p: float, cheaper: bool) -> Finding:
    if p < ALPHA:
        return Finding.BETTER if gain > 0 else Finding.WORSE
    return Finding.CHEAPER if cheaper else Finding.OPEN


def _gains(verdict: Verdict, trial: ConfirmedTrial) -> list[float]:
    """By how much a network is above its baseline at each of its seeds."""
    return [score - other for score, other in zip(trial.scores, verdict.baseline.scores, strict=False)]


def _is_behind(gains: Sequence[float], most: Sequence[float], rivals: int) -> bool:
    """Whether it is significantly behind the one that gained most, one of `rivals` others.

    The one that truly gains most is called behind in at most 2.5 % of rankings (Bonferroni, since each may lead).
    """
    seeds = min(len(gains), len(most))
    gap = difference(gains[:seeds], most[:seeds])
    return gap.value < 0 and gap.p < ALPHA / rivals
