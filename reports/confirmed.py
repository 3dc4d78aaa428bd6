"""What confirming the best has concluded: the small tables behind "Is it really better?", and its sentences.

They take a result's verdict; accuracies are fractions.
"""

import math
from typing import Any

import pandas as pd

from reports import tables, words
from sweep.results.result import Result
from sweep.results.verdict import Conclusion, ConfirmedTrial, Verdict

STANDINGS = {
    "trial": "number of the trial; 0 is the baseline",
    "name": "trial 3, or baseline",
    "seeds": "fresh seeds it was trained on",
    "mean": "accuracy over them, from 0 to 1",
    "mean_reach": "half of its 95 % interval; NaN at one seed",
    "difference": "mean difference to the baseline over the seeds that both have; 0 for the baseline itself",
    "difference_reach": "half of its 95 % interval; NaN for the baseline, and at one seed",
    "p": "that difference's p-value, corrected for the number of candidates; NaN likewise",
    "search_score": "what the search saw; NaN without a score",
    "luck": "how much of that was too much; NaN without a score",
    "parameters": "values the network learns or moves",
    "tied": "whether it is the best, or cannot be told from it",
    "raced_out": "whether it was stopped early",
    "role": "recommended, baseline (and not recommended), stopped or other",
}
"""Columns of `standings`."""


def named(trial: int) -> str:
    return f"trial {trial}" if trial else "baseline"


def standings(verdict: Verdict) -> pd.DataFrame:
    """One row per network (`STANDINGS`), as the verdict has them: by difference, highest first, those stopped last."""
    kept = ("trial", "p", "search_score", "luck", "parameters", "tied", "raced_out")
    rows = [
        {name: getattr(each, name) for name in kept}
        | {
            "name": named(each.trial),
            "seeds": len(each.scores),
            "mean": each.mean.value,
            "mean_reach": each.mean.reach,
            "difference": 0.0 if each.difference is None else each.difference.value,
            "difference_reach": math.nan if each.difference is None else each.difference.reach,
            "role": _role(each, verdict.recommended),
        }
        for each in verdict.trials
    ]
    numbers = dict.fromkeys(("mean_reach", "difference_reach", "p", "search_score", "luck"), float)
    return pd.DataFrame(rows, columns=list(STANDINGS)).astype(numbers)


def _role(found: ConfirmedTrial, recommended: int) -> str:
    if found.trial == recommended:
        return "recommended"
    if found.difference is None:
        return "baseline"
    return "stopped" if found.raced_out else "other"


def at_seeds(verdict: Verdict) -> pd.DataFrame:
    """One row per network beside the baseline and seed: `trial`, `seed`, `score`, `difference` to the baseline's."""
    rows = [
        (each.trial, seed, score, score - other)
        for each in verdict.candidates
        for seed, score, other in zip(verdict.seeds, each.scores, verdict.baseline.scores, strict=False)
    ]
    return pd.DataFrame(rows, columns=["trial", "seed", "score", "difference"])


# Sentences


def unconfirmed(result: Result) -> str:
    """Why there is no verdict, and how to get one."""
    looks = f" Networks of this study met the test images {_times(result.test_looks)}." if result.test_looks else ""
    if not can_confirm(result):
        return f"Nothing to confirm yet: no trial beside the baseline has completed.{looks}"
    return (
        "Not confirmed yet: each score here is of one run, and the best of many runs is partly luck; "
        f"`sweep confirm {result.study.name}` trains the best few and the baseline again on fresh seeds.{looks}"
    )


def can_confirm(result: Result) -> bool:
    """Whether a trial beside the baseline has completed."""
    done = tables.completed(result.frame)
    return bool((~done["baseline"].eq(True)).any())


def left_out(result: Result) -> int | None:
    """The search's best trial, where the verdict knows nothing of it, since it came later."""
    top = tables.best(result.frame)
    known = {each.trial for each in result.verdict.trials} if result.verdict else set()
    return None if top is None or top["baseline"] or int(top["trial"]) in known else int(top["trial"])


def recommendation(result: Result, changes: str = "") -> str:
    """Which network is recommended, how good it is, and why it; `result` has a verdict.

    `changes` says how it differs from the baseline.
    """
    assert result.verdict is not None
    table = standings(result.verdict)
    row = table[table["role"] == "recommended"].iloc[0]
    seeds = words.several(int(row["seeds"]), "fresh seed")
    name, mean = _the(int(row["trial"])), words.percent(row["mean"], row["mean_reach"])
    who = f"Recommended is {name} with {mean} on {seeds}"
    others = [_the(int(each)) for each in table.loc[table["tied"] & (table["trial"] != row["trial"]), "trial"]]
    tied = f" (tied with it: {words.some_of(others, 4, 'trials')})" if others else ""
    end = f"{tied}: {changes}." if changes else f"{tied}."
    match result.verdict.conclusion:
        case Conclusion.BETTER:
            why = ", the cheapest of those that cannot be told from the best" if others else ""
            return f"{who}, {_gap(row)}{why}{end}"
        case Conclusion.CHEAPER:
            return f"{who}, {_gap(row)}, which it cannot be told from, and cheaper, {_need(result.verdict)}{end}"
        case Conclusion.UNPROVEN:
            return (
                f"{who}, the cheapest of those that cannot be told from the best, but by itself not shown to be better "
                f"than the baseline ({words.points(row['difference'], row['difference_reach'])} points){end}"
            )
        case Conclusion.BASELINE:
            shown = "Nothing is shown to be better than the baseline, or as good and cheaper"
            return f"{shown}: it stays recommended, with {mean} on {seeds}{end}"
        case _:
            return f"On {seeds} nothing can be told apart, so the baseline stays, with {mean}."


def _the(trial: int) -> str:
    return named(trial) if trial else "the baseline"


def _gap(row: "pd.Series[Any]") -> str:
    if math.isnan(row["difference_reach"]):
        return f"{words.points(row['difference'])} points to the baseline"
    more = "more" if row["difference"] >= 0 else "less"
    gap = words.points(abs(row["difference"]), row["difference_reach"]).removeprefix("+")
    return f"{gap} points {more} than the baseline"


def _need(verdict: Verdict) -> str:
    ours, other = verdict.find(verdict.recommended), verdict.baseline
    assert ours is not None
    if ours.parameters != other.parameters:
        return f"with {ours.parameters:,} parameters instead of {other.parameters:,}"
    return f"with {ours.flops:,} FLOPs instead of {other.flops:,}"


def tested(result: Result) -> str:
    """What the sealed test images said, and how often they were looked at; `result` has a verdict."""
    assert result.verdict is not None
    test, looks = result.verdict.test, result.test_looks
    times = f"looked at {_times(looks)} for this study" if looks else "still sealed"
    if test is None:
        return f"The test images are {times}." if not looks else f"The test images were {times}, not for this verdict."
    who = _the(result.verdict.recommended)
    ours, baseline = (words.percent(each.value, each.reach) for each in (test.recommended, test.baseline))
    found = f"Trained on all training images, {who} has {ours} of the test images right"
    seen = f"(they were {times}{'; only the first look was a blind one' if looks > 1 else ''})"
    if test.difference is None:
        return f"{found} {seen}."
    value, give = test.difference.value, test.difference.reach
    chance = "" if abs(value) > give else ", which may be chance"
    return f"{found}, the baseline {baseline}, a difference of {words.points(value, give)} points{chance} {seen}."


def _times(looks: int) -> str:
    return {1: "once", 2: "twice"}.get(looks, f"{looks:,} times")
