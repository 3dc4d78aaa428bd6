"""The page in at most five plain sentences."""

import pandas as pd

from reports import effects, frames, labels, recommendation
from reports.sections import outlook
from sweep import wording
from sweep.results.forecast import JUDGED
from sweep.results.noise import noise_of_score
from sweep.results.result import Result, configuration_of
from sweep.results.verdict import Conclusion
from sweep.results.winner import Gain, gain_in_words
from sweep.space.differences import changes_with_baseline_in_words

MENTIONED = 4
"""Parameters that a sentence names before it says how many more there are."""


def sentences(result: Result) -> list[str]:
    """What was searched, what is best and how sure, what mattered, what the last trials gained, what to do next.

    The best is the network that a confirmation recommends or, without one, the search's best. Commands are in
    backticks.
    """
    if result.frame.empty:
        return [
            f"This study has no trials yet. Search space: {_space(result)}.",
            f"`sweep run {result.study.name}` starts it, with {wording.several(result.study.trials, 'trial')} planned.",
        ]
    best = _best(result) if result.verdict is None else _confirmed(result)
    onward = [*outlook.sentences(result), *_next(result)]
    found = [_searched(result), *best, _importance(result), " ".join(onward)]
    return [sentence for sentence in found if sentence]


def _space(result: Result) -> str:
    ranges = [f"{labels.label(name)} ({labels.span(name, span)})" for name, span in result.study.space.items()]
    return wording.some_of(ranges, MENTIONED, "parameters")


def _searched(result: Result) -> str:
    counted = result.frame["outcome"].value_counts()
    ended = [f"{counted[outcome]:,} {outcome}" for outcome in labels.OUTCOMES if outcome in counted]
    done, planned = len(result.frame), result.study.trials
    trials = f"{done:,} of {planned:,} planned" if done < planned else f"{done:,}"
    return f"Search space: {_space(result)}. Trials: {trials} ({wording.listed(ended)})."


def _best(result: Result) -> list[str]:
    frame, images = result.frame, result.study.validation
    top, reference = frames.best(frame), frames.baseline(frame)
    if top is None:
        if (frame["outcome"] == "running").any():
            return ["No trial has a score yet, so there is no best one."]
        return ["No trial has a score, so there is no best one. The reasons are listed under Outcomes."]
    score, trial = float(top["score"]), int(top["trial"])
    if reference is not None and trial == int(reference["trial"]):
        return [_baseline_is_best(result, top)]
    gain = result.gain
    opening = f"The best is trial {trial} with {wording.percent(score)} of {images:,} validation images correct"
    opening += _so_far(result, top)
    if gain is None or reference is None:
        return [f"{opening}.", _no_baseline(reference)]
    beside = f"vs the baseline's {wording.percent(score - gain.seen)}{'' if _completed(top) else ' at that point'}"
    return [f"{opening}, {beside}: {_changes(result, top)}.", _significance(gain)]


def _completed(row: pd.Series) -> bool:
    return bool(row["outcome"] == "completed")


def _so_far(result: Result, row: pd.Series) -> str:
    return wording.so_far(row["trained_epochs"], configuration_of(row, result.study.base).epochs, _completed(row))


def _confirmed(result: Result) -> list[str]:
    """What is recommended, its changes, and its accuracy on the test images."""
    frame, number = result.frame, result.recommended
    row = frame[frame["trial"] == number]
    changes = _changes(result, row.iloc[0]) if number and len(row) else ""
    return [recommendation.recommended(result, changes), recommendation.tested(result)]


def _changes(result: Result, row: pd.Series) -> str:
    """In what a trial differs from the baseline; nothing where there is none."""
    if (reference := frames.baseline(result.frame)) is None:
        return ""
    configuration, base = (configuration_of(each, result.study.base) for each in (row, reference))
    changes = changes_with_baseline_in_words(configuration, base, most=MENTIONED, label=labels.label)
    return changes or "the same configuration, trained again"


def _significance(gain: Gain) -> str:
    chance = "more than chance" if gain.clear else "within chance"
    return f"The best of {gain.trials:,} scores is partly luck: expect {gain_in_words(gain)}. This gain is {chance}."


def _baseline_is_best(result: Result, top: pd.Series) -> str:
    frame, images, score = result.frame, result.study.validation, float(top["score"])
    others = frames.best_first(frame)
    others = others[~others["baseline"] & others["expected"].notna()]
    noise = f"noise: about {wording.margin(noise_of_score(score, images))} points, two standard errors"
    reached = f"{wording.percent(score)} of {images:,} validation images correct{_so_far(result, top)} ({noise})"
    if others.empty:
        return f"Only the baseline has a score so far: {reached}."
    second = others.iloc[0]
    beats = "beat" if _completed(second) else "promises more than"
    return (
        f"No trial {beats} the baseline, which is the best with {reached}. "
        f"Second is trial {int(second['trial'])} with {wording.percent(second['score'])}{_so_far(result, second)}."
    )


def _no_baseline(reference: pd.Series | None) -> str:
    if reference is None:
        return "The baseline has not been trained, so there is nothing to compare with."
    if reference["outcome"] == "running":
        return "The baseline is still in progress, so there is nothing to compare with yet."
    reason = f" ({reference['reason']})" if labels.given(reference["reason"]) else ""
    if reference["outcome"] in JUDGED:
        return "The baseline has no score after as many epochs, so there is nothing to compare with yet."
    trial = f"trial {int(reference['trial'])} ended as {reference['outcome']}"
    return f"There is no baseline to compare with: {trial}{reason}."


def _importance(result: Result) -> str:
    """Which parameters explain the scores; nothing where too few trials have ended to say."""
    table = effects.importance(result.frame, result.study.drawn)
    if table.empty:
        return ""
    clear = table[table["share"] > table["floor"]]
    if clear.empty:
        return "So far no parameter explains more of the trials' ranking than chance does."
    shares = [
        f"{labels.label(name)} ({100 * share:.0f} %)" for name, share in zip(clear["name"], clear["share"], strict=True)
    ]
    others = " The other parameters explain no more than chance." if len(clear) < len(table) else ""
    named = wording.some_of(shares, MENTIONED, "parameters") + (", each" if len(shares) > 1 else ",") + " by itself"
    return f"The trials' ranking is explained best by {named}.{others}"


def _next(result: Result) -> list[str]:
    """The next steps, each a sentence with its command."""
    name = result.study.name
    steps = [step for step in (_again(result), _export(result), _more(result)) if step]
    if result.verdict is None and recommendation.can_confirm(result):
        confirm = f"`sweep confirm {name}` trains the best trials and the baseline again on fresh seeds."
        return [f"Not confirmed yet: {confirm}", *steps]
    return [f"Next: {steps[0]}", *steps[1:]]


def _again(result: Result) -> str:
    """A further confirmation, where the verdict calls for one."""
    later = recommendation.left_out(result)
    if result.verdict is None or not recommendation.can_confirm(result):
        return ""
    if result.verdict.conclusion is Conclusion.UNKNOWN:
        return f"`sweep confirm {result.study.name}` with more `--seeds` gives intervals."
    return "" if later is None else f"`sweep confirm {result.study.name}` includes trial {later}, the best since then."


def _export(result: Result) -> str:
    top, reference = frames.best(result.frame), frames.baseline(result.frame)
    if top is None or (reference is not None and reference["trial"] == result.recommended):
        return ""
    then = "Then " if result.verdict is None and recommendation.can_confirm(result) else ""
    which = "best" if result.verdict is None else "recommended"
    return f"{then}`sweep export {result.study.name}` writes the {which} configuration as TOML and as plain Keras."


def _more(result: Result) -> str:
    study, done = result.study, len(result.frame)
    if done < study.trials or result.frame["outcome"].isin(["running", "interrupted"]).any():
        return f"`sweep run {study.name}` resumes the search, up to the {study.trials:,} planned trials."
    if study.sampler == "grid" and (size := study.searched.size()) is not None and done >= size:
        return "Every combination has been tried, so only a wider space can give more."
    return f"`sweep run {study.name} --trials {done + max(10, done)}` continues the search."
