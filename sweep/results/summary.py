"""What a study has found, in a few lines: those that `sweep run` ends with, and that `print(result)` prints."""

import math
from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from sweep.results.noise import gain
from sweep.results.outlook import in_words, look_ahead
from sweep.results.verdict import Conclusion, ConfirmedTrial, Estimate, Verdict
from sweep.runs import Outcome
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.study.study import Study
from sweep.wording import duration, epochs, listed, margin, missing, ordinal, percent, points, several, so_far, value

CONCLUSIONS = {
    Conclusion.BETTER: "significantly better than the baseline",
    Conclusion.CHEAPER: "cheaper than the baseline, and not significantly different",
    Conclusion.UNPROVEN: "ahead of the baseline, but not significantly better",
    Conclusion.BASELINE: "no trial is significantly better than the baseline, or as good and cheaper",
    Conclusion.UNKNOWN: "nothing can be concluded: there are too few seeds, or every network had a run that failed",
}
"""What each conclusion means, of the recommended trial."""


class Found(Protocol):
    """What a summary needs of a `Result`."""

    @property
    def study(self) -> Study: ...
    @property
    def frame(self) -> pd.DataFrame: ...
    @property
    def verdict(self) -> Verdict | None: ...
    @property
    def test_looks(self) -> int: ...
    @property
    def best_trial(self) -> int: ...
    @property
    def has_best(self) -> bool: ...
    @property
    def baseline_score(self) -> float | None: ...
    def configuration(self, trial: int) -> Configuration: ...


def summary_lines(found: Found) -> Iterator[str]:
    """The best trial against the baseline, with the noise of single runs, and the verdict if there is one."""
    frame = found.frame
    if frame.empty:
        yield f"{found.study.name}: no trial has begun"
        return
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in frame["outcome"].value_counts().items())
    trials = several(len(frame), "trial")
    yield f"{found.study.name}: {trials} ({outcomes}), {duration(frame['cost'].sum())} of training"
    if not found.has_best:
        yield "no trial has a score"
        yield from sorted(set(frame["reason"]) - {""})[:3]
        return
    yield from _search_lines(found)
    if found.verdict is not None:
        yield from verdict_lines(found)


def _search_lines(found: Found) -> Iterator[str]:
    number, study = found.best_trial, found.study
    row = found.frame[found.frame["trial"] == number].to_dict("records")[0]
    configuration = found.configuration(number)
    score, completed = float(row["score"]), row["outcome"] == Outcome.COMPLETED
    after = so_far(row["trained_epochs"], configuration.epochs, completed)
    yield f"best        {percent(score)}{after}  trial {number}: {changes_in_words(configuration, study.base)}"
    base = score if row["baseline"] else score - float(row["difference"])
    whose = "the tutorial" if study.base == Configuration() else "the study"
    final = found.baseline_score
    at_the_end = missing(base) or (final is not None and math.isclose(base, final))
    at_that = "" if at_the_end else f" after {epochs(row['trained_epochs'])}"
    yield f"baseline    {percent(base)}{at_that}  {whose}'s configuration"
    if not missing(base):
        against = gain(score, base, study.validation)
        difference = f"{points(against.difference)} percentage points (noise of single runs: {margin(against.noise)})"
        doubt = "" if against.clear else "; this may be luck"
        yield f"difference  {difference} on {several(study.validation, 'validation image')}{doubt}"
    ahead = look_ahead(study, found.frame)
    for clause in [] if ahead is None else in_words(ahead, lambda edge: f"{edge.name} {value(edge.value)}"):
        yield f"outlook     {clause}"


def verdict_lines(found: Found) -> Iterator[str]:
    """What a confirmation concluded."""
    verdict = found.verdict
    assert verdict is not None
    number, recommended = verdict.recommended, verdict.find(verdict.recommended)
    assert recommended is not None
    what = f": {changes_in_words(found.configuration(number), found.study.base)}" if number else ""
    yield f"recommended {named(number)}{what}"
    yield f"            {CONCLUSIONS[verdict.conclusion]}"
    yield from (f"            {line}" for line in beside_the_best(verdict))
    if recommended.difference is not None:
        seeds = f"{several(len(recommended.scores), 'fresh seed')}, each with its own validation images"
        yield f"difference  {_gain(recommended.difference)} points to the baseline on {seeds}"
    if verdict.looks:
        yield f"            {looks_in_words(verdict)}"
    yield f"test set    {', '.join(_test(found, verdict))}"


def beside_the_best(verdict: Verdict) -> Iterator[str]:
    """Why this network and not the best, and by how much either may be worse than the truly best network."""
    best, own = verdict.best, verdict.find(verdict.recommended)
    if best is None or own is None or verdict.tolerance is None or len(verdict.seeds) == 1:
        return
    if own is best:
        yield f"it has the highest mean{_shortfall(own)}"
    else:
        yield f"it is the cheapest within {_size(verdict.tolerance)} points of the best{_shortfall(own)}"
        yield f"the best is {named(best.trial)} with {percent(best.mean.value)}{_shortfall(best)}"


def looks_in_words(verdict: Verdict) -> str:
    """Which look this verdict is, as in "third look, at 3, 5 and 7 seeds"; `looks` has one at least."""
    which = f"{ordinal(len(verdict.looks))} look, at {listed(map(str, verdict.looks))} seeds"
    return which if len(verdict.looks) == 1 else f"{which}: p-values are 5/3 as high for looking again"


def _shortfall(trial: ConfirmedTrial) -> str:
    return f", and at most {_size(trial.shortfall)} points worse than the truly best (95 % limit)"


def _size(difference: float) -> str:
    return points(difference).lstrip("+")


def _test(found: Found, verdict: Verdict) -> Iterator[str]:
    """What the sealed test showed, and how often the test images were looked at."""
    test = verdict.test
    if test is not None:
        yield percent(test.recommended.value)
    if test is not None and test.image_error is not None:
        yield f"standard error for other images of this kind {_size(test.image_error)} points"
    if test is not None and test.difference is not None:
        yield f"the baseline {percent(test.baseline.value)}"
        yield f"{_gain(test.difference)} points"
    if test is not None and found.study.train_size is not None:
        yield f"trained on all training images, not {found.study.train_size:,} as above"
    if test is not None and test.seeds is not None and test.seeds < len(verdict.seeds):
        yield f"on {test.seeds} of the {len(verdict.seeds)} seeds, as there was too little time"
    times = {0: "still sealed", 1: "looked at once for this study", 2: "looked at twice for this study"}
    yield times.get(found.test_looks, f"looked at {found.test_looks} times for this study")


def named(trial: int) -> str:
    """As in "trial 3" or "baseline"."""
    return f"trial {trial}" if trial else "baseline"


def _gain(difference: Estimate) -> str:
    return points(difference.value, difference.reach)
