"""A verdict in a few lines: those that `sweep confirm` prints, and that the lines of a result end with."""

from collections.abc import Iterator

from sweep.results.verdict import Conclusion, ConfirmedTrial, Estimate, Verdict
from sweep.wording import distance, listed, ordinal, percent, points, several

CONCLUSIONS = {
    Conclusion.BETTER: "significantly better than the baseline",
    Conclusion.CHEAPER: "cheaper than the baseline, and not significantly different",
    Conclusion.UNPROVEN: "ahead of the baseline, but not significantly better",
    Conclusion.BASELINE: "no trial is significantly better than the baseline, or as good and cheaper",
    Conclusion.UNKNOWN: "nothing can be concluded: there are too few seeds, or every network had a run that failed",
}
"""What each conclusion means, of the recommended trial."""


def verdict_lines(verdict: Verdict, changes: str, test_looks: int) -> Iterator[str]:
    """What a confirmation concluded.

    `changes` are those of the recommended trial to the baseline; `test_looks` is how often networks of the study met
    the test images.
    """
    number, recommended = verdict.recommended, verdict.find(verdict.recommended)
    assert recommended is not None
    yield f"recommended {named(number)}" + (f": {changes}" if number else "")
    yield f"            {CONCLUSIONS[verdict.conclusion]}"
    yield from (f"            {line}" for line in beside_the_best(verdict))
    if recommended.difference is not None:
        images = "all on the same validation images" if verdict.same_images else "each with its own validation images"
        seeds = f"{several(len(recommended.scores), 'fresh seed')}, {images}"
        yield f"difference  {_gain(recommended.difference)} points to the baseline on {seeds}"
    if verdict.looks:
        yield f"            {looks_in_words(verdict)}"
    yield f"test set    {', '.join(_test(verdict, test_looks))}"


def beside_the_best(verdict: Verdict) -> Iterator[str]:
    """Why this network and not the best, and by how much either may be worse than the truly best network."""
    best, own = verdict.best, verdict.find(verdict.recommended)
    if best is None or own is None or verdict.tolerance is None or len(verdict.seeds) == 1:
        return
    if own is best:
        yield f"it has the highest mean{_shortfall(own)}"
    else:
        yield f"it is the cheapest within {distance(verdict.tolerance)} points of the best{_shortfall(own)}"
        yield f"the best is {named(best.trial)} with {percent(best.mean.value)}{_shortfall(best)}"


def looks_in_words(verdict: Verdict) -> str:
    """Which look this verdict is, as in "third look, at 3, 5 and 7 seeds"; `looks` has one at least."""
    which = f"{ordinal(len(verdict.looks))} look, at {listed(map(str, verdict.looks))} seeds"
    return which if len(verdict.looks) == 1 else f"{which}: p-values are 5/3 as high for looking again"


def _shortfall(trial: ConfirmedTrial) -> str:
    return f", and at most {distance(trial.shortfall)} points worse than the truly best (95 % limit)"


def _test(verdict: Verdict, test_looks: int) -> Iterator[str]:
    """What the sealed test showed, and how often the test images were looked at."""
    test = verdict.test
    if test is not None:
        yield percent(test.recommended.value)
    if test is not None and test.image_error is not None:
        yield f"standard error for other images of this kind {distance(test.image_error)} points"
    if test is not None and test.difference is not None:
        yield f"the baseline {percent(test.baseline.value)}"
        yield f"{_gain(test.difference)} points"
    if test is not None and not verdict.size.full:
        yield f"trained on all training images, not {verdict.size} as above"
    if test is not None and test.seeds is not None and test.seeds < len(verdict.seeds):
        yield f"on {test.seeds} of the {len(verdict.seeds)} seeds, as there was too little time"
    times = {0: "still sealed", 1: "looked at once for this study", 2: "looked at twice for this study"}
    yield times.get(test_looks, f"looked at {test_looks} times for this study")


def named(trial: int) -> str:
    """As in "trial 3" or "baseline"."""
    return f"trial {trial}" if trial else "baseline"


def _gain(difference: Estimate) -> str:
    return points(difference.value, difference.reach)
