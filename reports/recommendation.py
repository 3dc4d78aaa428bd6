"""The verdict in sentences: which network is recommended and why, and its accuracy on the test images."""

from reports import frames
from sweep import wording
from sweep.data.metric import unit
from sweep.defaults import CONFIRMED
from sweep.results.climb import climb_in_words
from sweep.results.result import Result
from sweep.results.size import FULL_SIZE
from sweep.results.summary import beside_the_best
from sweep.results.verdict import Conclusion, ConfirmedTrial, Verdict
from sweep.runs import BASELINE
from sweep.verdict.time_plan import Depth, Prices, seconds_of


def unconfirmed(result: Result) -> str:
    """Why there is no verdict, and how to get one."""
    looks = f" Networks of this study met the test images {_times(result.test_looks)}." if result.test_looks else ""
    if not can_confirm(result):
        return f"Nothing to confirm yet: no trial besides the baseline has a score.{looks}"
    confirm = f"`{result.command('confirm')}` trains the best trials and the baseline again on fresh seeds"
    return f"Not confirmed yet: {confirm}.{looks}"


def can_confirm(result: Result) -> bool:
    """Whether a trial other than the baseline has a score."""
    return bool((~result.frame["baseline"] & result.frame["expected"].notna()).any())


def seconds(result: Result) -> float:
    """What a confirmation of the best trials takes, by one worker at the study's own size; there are some."""
    can = result.frame[["trial", "expected"]][~result.frame["baseline"] & result.frame["expected"].notna()]
    best = can.nlargest(CONFIRMED, "expected")["trial"]
    each = [result.training_seconds(trial) for trial in (BASELINE, *best)]
    baseline, *others = (Prices({FULL_SIZE: [one] * CONFIRMED}, one) for one in each)
    tests = 0 if result.study.train_size else CONFIRMED
    return seconds_of(baseline, others, Depth((FULL_SIZE,), CONFIRMED, tests), workers=1)


def left_out(result: Result) -> int | None:
    """The search's best trial, if it came after the confirmation."""
    top = frames.best(result.frame)
    known = {each.trial for each in result.verdict.trials} if result.verdict else set()
    return None if top is None or top["baseline"] or int(top["trial"]) in known else int(top["trial"])


def recommended(result: Result) -> str:
    """For how many images the verdict of a result holds, which network it recommends, how good that is, and why."""
    assert result.verdict is not None
    said = (result.limit, _choice(result.verdict), why(result.verdict), climb_in_words(result.verdicts))
    return " ".join(filter(None, said))


def why(verdict: Verdict) -> str:
    """Why this network and not the best, in sentences; empty where nothing can be said."""
    return " ".join(f"{wording.capitalized(clause)}." for clause in beside_the_best(verdict))


def _choice(verdict: Verdict) -> str:
    own = _recommended(verdict)
    seeds, mean = wording.several(len(own.scores), "fresh seed"), wording.percent(own.mean.value, own.mean.reach)
    who = f"Recommended is {wording.the_trial(own.trial)} with {mean} on {seeds}"
    others = [wording.the_trial(each.trial) for each in verdict.tied if each not in (own, verdict.baseline)]
    tied = f" (tied with it: {wording.some_of(others, 4, 'trials')})" if others else ""
    end = f"{tied}."
    match verdict.conclusion:
        case Conclusion.BETTER:
            return f"{who}, {_gap(own)}{end}"
        case Conclusion.CHEAPER:
            return f"{who}, {_gap(own)}, not significantly different, and cheaper, {_need(own, verdict.baseline)}{end}"
        case Conclusion.UNPROVEN:
            return f"{who}, but it is not significantly better than the baseline ({_points(own)} points){end}"
        case Conclusion.BASELINE:
            shown = "No trial is significantly better than the baseline, or as good and cheaper"
            return f"{shown}: the baseline stays recommended, with {mean} on {seeds}{end}"
        case Conclusion.UNKNOWN:
            return f"On {seeds} no difference can be significant, so the baseline stays recommended, with {mean}."


def _recommended(verdict: Verdict) -> ConfirmedTrial:
    found = verdict.find(verdict.recommended)
    assert found is not None
    return found


def _points(own: ConfirmedTrial) -> str:
    """Its difference to the baseline, which it has, not being the baseline."""
    assert own.difference is not None
    return wording.points(own.difference.value, own.difference.reach)


def _gap(own: ConfirmedTrial) -> str:
    points = _points(own)
    return f"{points.lstrip('+-')} points {'less' if points.startswith('-') else 'more'} than the baseline"


def _need(own: ConfirmedTrial, baseline: ConfirmedTrial) -> str:
    if own.parameters != baseline.parameters:
        return f"with {own.parameters:,} parameters instead of {baseline.parameters:,}"
    return f"with {own.flops:,} FLOPs instead of {baseline.flops:,}"


def tested(result: Result) -> str:
    """The accuracy on the sealed test images, and how often they were used; `result` has a verdict."""
    assert result.verdict is not None
    test, looks = result.verdict.test, result.test_looks
    times = f"used {_times(looks)} for this study" if looks else "still sealed"
    if test is None:
        return f"The test images are {times}." if not looks else f"The test images were {times}, not for this verdict."
    who = wording.the_trial(result.verdict.recommended)
    ours, baseline = (wording.percent(each.value, each.reach) for each in (test.recommended, test.baseline))
    few = test.seeds is not None and test.seeds < len(result.verdict.seeds)
    on = f" on {test.seeds} of the {len(result.verdict.seeds)} seeds" if few else ""
    ours += unit(result.study.metric)
    found = f"Trained on all training images{on}, {who} reaches {ours} on the test images"
    if test.image_error is not None:
        found += f" (standard error for other images of this kind: {wording.distance(test.image_error)} points)"
    seen = f"(they were {times}{'; only the first look was blind' if looks > 1 else ''})"
    if test.difference is None:
        return f"{found} {seen}."
    value, reach = test.difference.value, test.difference.reach
    chance = "" if abs(value) > reach else ", which may be chance"
    return f"{found}, the baseline {baseline}, a difference of {wording.points(value, reach)} points{chance} {seen}."


def _times(looks: int) -> str:
    return {1: "once", 2: "twice"}.get(looks, f"{looks:,} times")
