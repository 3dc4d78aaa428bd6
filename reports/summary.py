"""The page in at most five plain sentences."""

import pandas as pd

from reports import tables, words
from sweep.results import Result

MENTIONED = 4
"""Parameters that a sentence names before it says how many more there are."""


def sentences(result: Result) -> list[str]:
    """What was searched, what is best and how sure that is, what the last trials gained, what to do next.

    Commands stand in backticks.
    """
    if result.frame.empty:
        return [
            f"This study has no trials yet; it will search {_space(result)}.",
            f"`sweep run` starts it, with {words.several(result.study.trials, 'trial')} planned.",
        ]
    found = [_searched(result), *_best(result), _late(result), _next(result)]
    return [sentence for sentence in found if sentence]


def _some(items: list[str], noun: str) -> str:
    if len(items) > MENTIONED + 1:
        items = [*items[:MENTIONED], f"{len(items) - MENTIONED} more {noun}"]
    return words.listed(items)


def _space(result: Result) -> str:
    ranges = [f"{words.label(name)} ({words.span(name, span)})" for name, span in result.study.space.items()]
    return _some(ranges, "parameters")


def _searched(result: Result) -> str:
    counted = result.frame["outcome"].value_counts()
    known = [outcome for outcome in words.OUTCOMES if outcome in counted]
    ended = [f"{counted[outcome]:,} {outcome}" for outcome in [*known, *sorted(set(counted.index) - set(known))]]
    done, planned = len(result.frame), result.study.trials
    trials = f"{done:,} of {planned:,} planned trials" if done < planned else words.several(done, "trial")
    return f"Searched: {_space(result)}, in {trials}: {words.listed(ended)}."


def _best(result: Result) -> list[str]:
    frame, images = result.frame, result.study.validation
    top, reference = tables.best(frame), tables.baseline(frame)
    if top is None:
        if (frame["outcome"] == "running").any():
            return ["No trial has completed yet, so there is no best one."]
        return ["No trial has completed, so there is no best one; the reasons are listed below."]
    score, trial = float(top["score"]), int(top["trial"])
    if reference is not None and trial == int(reference["trial"]):
        return [_baseline_is_best(frame, score, images)]
    gain, before = tables.gain(frame, images), tables.baseline_score(frame)
    opening = f"The best is trial {trial} with {words.percent(score)} of {images:,} validation images right"
    if gain is None or before is None or reference is None:
        return [f"{opening}.", _no_baseline(reference)]
    changes = [
        f"{words.label(name)} {words.value(name, top[name])} (baseline {words.value(name, reference[name])})"
        for name in tables.changed(top, reference, tables.parameters(frame))
    ]
    more = f"{100 * gain.difference:.2f} (±{100 * gain.margin:.2f}) percentage points more than"
    by = f"{more} the baseline's {words.percent(before)}"
    return [f"{opening}, {by}: {_some(changes, 'changes')}.", _sure(gain, len(tables.completed(frame)))]


def _sure(gain: tables.Gain, runs: int) -> str:
    if not gain.clear:
        return (
            "On one run each this is not distinguishable from the baseline "
            "(± is approximately two standard errors of the difference)."
        )
    return (
        "That is more than chance among these images explains on one run each (± is approximately two "
        f"standard errors), but the best of {words.several(runs, 'run')} is always partly luck."
    )


def _baseline_is_best(frame: pd.DataFrame, score: float, images: int) -> str:
    others = tables.completed(frame)
    others = others[~others["baseline"].eq(True)]
    noise = f"approximately ±{200 * tables.standard_error(score, images):.2f} points, two standard errors"
    reached = f"{words.percent(score)} of {images:,} validation images right ({noise})"
    if others.empty:
        return f"Only the baseline has completed so far: {reached}."
    second = others.sort_values("score", ascending=False, kind="stable").iloc[0]
    return (
        f"Nothing beat the baseline, which is itself the best with {reached}; "
        f"next is trial {int(second['trial'])} with {words.percent(second['score'])}."
    )


def _no_baseline(reference: pd.Series | None) -> str:
    if reference is None:
        return "The baseline has not been trained, so there is nothing to compare it with."
    if reference["outcome"] == "running":
        return "The baseline is still training, so there is nothing to compare it with yet."
    reason = f" ({reference['reason']})" if words.said(reference["reason"]) else ""
    trial = f"trial {int(reference['trial'])} ended as {reference['outcome']}"
    return f"There is no baseline to compare it with: {trial}{reason}."


def _late(result: Result) -> str:
    late = tables.late_gain(result.frame)
    top = tables.best(result.frame)
    if late is None or top is None:
        return ""
    trials, gained = late
    who = "The last trial" if trials == 1 else f"The last {trials:,} trials"
    if gained <= 0:
        return f"{who} found nothing better."
    score = float(top["score"])
    small = gained <= tables.margin(score, score - gained, result.study.validation)
    chance = ", which may be chance" if small else ""
    return f"{who} raised the best by {100 * gained:.2f} points{chance}."


def _next(result: Result) -> str:
    study, done = result.study, len(result.frame)
    top = tables.best(result.frame)
    reference = tables.baseline(result.frame)
    export = ""
    if top is not None and (reference is None or reference["trial"] != top["trial"]):
        export = f"`sweep export {study.name}` writes the best configuration out as a script and a model"
    if done < study.trials or result.frame["outcome"].isin(["running", "interrupted"]).any():
        more = f"`sweep run` goes on to the {study.trials:,} trials planned"
    elif study.sampler == "grid" and (size := study.searched.size()) is not None and done >= size:
        more = "every combination has been tried, so a wider space is the way on"
    else:
        more = f"`sweep run` with `--trials {done + max(10, done)}` searches on"
    return f"Next: {'; '.join(part for part in (export, more) if part)}."
