"""Which suggestion is worth it: what studies have confirmed, ranked by the gain over the baseline.

A study enters with one network: what its verdict recommends or, where that is the baseline itself, the best of those
that were confirmed. A search chose its values, and fresh seeds judge them, so that they have none of the search's luck.
But where several were confirmed the seeds choose too: of three equals, the interval of the one that stands for them
holds the truth in about 94 % of cases (`tests/test_suggestions.py`). Intervals stand for themselves, as in verdicts.

p-values are corrected at once for all networks that were confirmed in all of these studies, whichever of them is shown
(Holm 1979). So at most 5 % of rankings call a network different from doing nothing that is not, although the studies
share the baseline's runs and the seeds choose; for what comes of choosing where nothing is corrected, see Benjamini &
Yekutieli (2005), "False discovery rate-adjusted multiple confidence intervals for selected parameters".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import studies
from sweep.results.result import Result
from sweep.space.configuration import Values
from sweep.study.study import Study, load
from sweep.verdict.statistics import ALPHA, Conclusion, Estimate, difference, holm, known

Standing = Mapping[str, Any]


class Worth(StrEnum):
    """What can be said of a suggestion's network beside doing nothing."""

    BETTER = "better"
    CHEAPER = "cheaper"  # and not told from it
    OPEN = "open"  # not told from it
    WORSE = "worse"


WORTH = {
    Worth.BETTER: "better",
    Worth.CHEAPER: "not told from it, but cheaper",
    Worth.OPEN: "not told from it",
    Worth.WORSE: "worse",
}
"""In words, beside doing nothing."""


@dataclass(frozen=True)
class Suggestion:
    """What a study's change is worth.

    `trial` is the one that stands for it, with the `values` that differ from the baseline's; `recommended` says that
    its verdict recommends it, and not the baseline. `gain` is the mean difference to the baseline's accuracy over
    `seeds` seeds, from -1 to 1, `p` that of its being zero, corrected for all networks; NaN at one seed. `tied` says
    that it gained most, or cannot be told from whoever did. `seconds` are those of one training in the search, NaN
    where unknown.
    """

    study: str
    trial: int
    values: Values
    recommended: bool
    seeds: int
    gain: Estimate
    p: float
    worth: Worth
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
    """The confirmed ones of these studies, by gain, highest first; whoever left its race early last."""
    confirmed = [result for result in results if result.verdict is not None]
    found = {
        (one.study.name, each["trial"]): _number(each["difference"]["p"]) for one in confirmed for each in _of(one)
    }
    corrected = dict(zip(found, holm(list(found.values())), strict=True))
    shown = sorted(((each, _shown(each)) for each in confirmed), key=lambda pair: _rank(pair[1]))
    gains = [_gains(result, standing) for result, standing in shown]
    return [
        _suggestion(
            result,
            standing,
            p=corrected[result.study.name, standing["trial"]],
            tied=not (standing["raced_out"] or _is_behind(own, gains[0], len(shown) - 1)),
        )
        for (result, standing), own in zip(shown, gains, strict=True)
    ]


def as_document(found: Suggestion) -> dict[str, Any]:
    """A suggestion as JSON has it; what is not known is null."""
    numbers = {name: known(getattr(found, name)) for name in ("p", "seconds", "baseline_seconds")}
    return vars(found) | numbers | {"gain": found.gain.document, "worth": str(found.worth)}


def _of(result: Result) -> list[Standing]:
    """The standings of a verdict's candidates, in its order."""
    assert result.verdict is not None
    return [each for each in result.verdict["standings"] if each["difference"] is not None]


def _baseline(result: Result) -> Standing:
    assert result.verdict is not None
    return next(each for each in result.verdict["standings"] if each["difference"] is None)


def _shown(result: Result) -> Standing:
    """The network that stands for a study."""
    assert result.verdict is not None
    candidates = _of(result)
    return next((each for each in candidates if each["trial"] == result.verdict["recommended"]), candidates[0])


def _rank(standing: Standing) -> tuple[bool, float]:
    return standing["raced_out"], -standing["difference"]["value"]


def _suggestion(result: Result, standing: Standing, p: float, tied: bool) -> Suggestion:
    assert result.verdict is not None
    baseline, trial = _baseline(result), int(standing["trial"])
    recommended = trial == result.verdict["recommended"]
    cheaper = recommended and result.verdict["conclusion"] == Conclusion.CHEAPER
    gain = Estimate(**{name: _number(value) for name, value in standing["difference"].items()})
    before, seconds = result.study.base.values(), result.frame.set_index("trial")["seconds"]
    return Suggestion(
        study=result.study.name,
        trial=trial,
        values={name: each for name, each in result.configuration(trial).values().items() if before.get(name) != each},
        recommended=recommended,
        seeds=len(standing["scores"]),
        gain=gain,
        p=p,
        worth=_worth(gain.value, p, cheaper),
        tied=tied,
        parameters=int(standing["parameters"]),
        baseline_parameters=int(baseline["parameters"]),
        seconds=float(seconds.get(trial, math.nan)),
        baseline_seconds=float(seconds.get(baseline["trial"], math.nan)),
    )


def _worth(gain: float, p: float, cheaper: bool) -> Worth:
    if p < ALPHA:
        return Worth.BETTER if gain > 0 else Worth.WORSE
    return Worth.CHEAPER if cheaper else Worth.OPEN


def _gains(result: Result, standing: Standing) -> list[float]:
    """By how much a network is above its baseline at each of its seeds."""
    return [score - other for score, other in zip(standing["scores"], _baseline(result)["scores"], strict=False)]


def _is_behind(gains: Sequence[float], most: Sequence[float], rivals: int) -> bool:
    """Whether it is clearly behind whoever gained most, of `rivals` who might have.

    The one that truly gains most is called behind in at most 2.5 % of rankings (Bonferroni, since anybody may lead).
    """
    seeds = min(len(gains), len(most))
    gap = difference(gains[:seeds], most[:seeds])
    return gap.value < 0 and gap.p < ALPHA / rivals


def _number(value: float | None) -> float:
    return math.nan if value is None else value
