"""The page in at most five plain sentences."""

import pandas as pd

from reports import confirmed, effects, tables, words
from sweep.results.noise import Gain, noise_of_score
from sweep.results.outlook import in_words, look_ahead
from sweep.results.result import Result
from sweep.results.verdict import Conclusion
from sweep.wording import margin

MENTIONED = 4
"""Parameters that a sentence names before it says how many more there are."""


def sentences(result: Result) -> list[str]:
    """What was searched, what is best and how sure, what mattered, what the last trials gained, what to do next.

    What is best is what confirming recommended or, before that, what the search found. Commands stand in backticks.
    """
    if result.frame.empty:
        return [
            f"This study has no trials yet; it will search {_space(result)}.",
            f"`sweep run` starts it, with {words.several(result.study.trials, 'trial')} planned.",
        ]
    before, onward = _going_on(result), _next(result)
    onward = f"{before}; {onward}." if before else f"{onward[:1].upper()}{onward[1:]}."
    best = _best(result) if result.verdict is None else _confirmed(result)
    found = [_searched(result), *best, _mattered(result), onward]
    return [sentence for sentence in found if sentence]


def _space(result: Result) -> str:
    ranges = [f"{words.label(name)} ({words.span(name, span)})" for name, span in result.study.space.items()]
    return words.some_of(ranges, MENTIONED, "parameters")


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
    more = f"{100 * gain.difference:.2f} ({margin(gain.noise)}) percentage points more than"
    by = f"{more} the baseline's {words.percent(before)}"
    return [
        f"{opening}, {by}: {_changes(top, reference, frame)}.",
        _sure(gain, len(tables.completed(frame))),
    ]


def _confirmed(result: Result) -> list[str]:
    """What is recommended, with what differs, and what the test images said."""
    frame, number = result.frame, result.recommended
    row, reference = frame[frame["trial"] == number], tables.baseline(frame)
    changes = _changes(row.iloc[0], reference, frame) if number and len(row) else ""
    return [confirmed.recommendation(result, changes), confirmed.tested(result)]


def _changes(row: pd.Series, reference: pd.Series | None, frame: pd.DataFrame) -> str:
    """In what a trial differs from the baseline; nothing where there is none."""
    if reference is None:
        return ""
    changes = [
        f"{words.label(name)} {words.value(name, row[name])} (baseline {words.value(name, reference[name])})"
        for name in tables.changed(row, reference, tables.parameters(frame))
    ]
    return words.some_of(changes, MENTIONED, "changes") or "the same configuration, trained once more"


def _sure(gain: Gain, runs: int) -> str:
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
    noise = f"approximately {margin(noise_of_score(score, images))} points, two standard errors"
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


def _mattered(result: Result) -> str:
    """Which parameters explain the scores; nothing where too few trials have ended to say."""
    table = effects.importance(result.frame, result.study.drawn)
    if table.empty:
        return ""
    clear = table[table["share"] > table["floor"]]
    if clear.empty:
        return "Which parameter mattered cannot be told from chance yet."
    shares = [
        f"{words.label(name)} ({100 * share:.0f} %)" for name, share in zip(clear["name"], clear["share"], strict=True)
    ]
    others = "; the others cannot be told from chance" if len(clear) < len(table) else ""
    named = words.some_of(shares, MENTIONED, "parameters") + (", each" if len(shares) > 1 else ",") + " by itself"
    return f"How trials rank is explained best by {named}{others}."


def going_on(result: Result) -> list[str]:
    """What the last trials gained, what another hour would add, and which ranges end too soon; not yet sentences."""
    found = look_ahead(result.study, result.frame)
    if found is None:
        return []
    return in_words(found, lambda edge: f"{words.label(edge.name)} ({words.value(edge.name, edge.value)})")


def _going_on(result: Result) -> str:
    text = "; ".join(going_on(result))
    return text[:1].upper() + text[1:]


def _next(result: Result) -> str:
    parts = [part for part in (_again(result), _export(result), _more(result)) if part]
    if result.verdict is None and confirmed.can_confirm(result):
        command = f"`sweep confirm {result.study.name}` trains the best few and the baseline again on fresh seeds"
        return f"not confirmed yet: {'; '.join([command, *parts])}"
    return f"next: {'; '.join(parts)}"


def _again(result: Result) -> str:
    """Whether the verdict calls for another one."""
    later = confirmed.left_out(result)
    if result.verdict is None or not confirmed.can_confirm(result):
        return ""
    if result.verdict.conclusion is Conclusion.UNKNOWN:
        return f"`sweep confirm {result.study.name}` with more `--seeds` says more"
    return "" if later is None else f"`sweep confirm {result.study.name}` again, with trial {later}, now the best found"


def _export(result: Result) -> str:
    top, reference = tables.best(result.frame), tables.baseline(result.frame)
    if top is None or (reference is not None and reference["trial"] == result.recommended):
        return ""
    then = "then " if result.verdict is None and confirmed.can_confirm(result) else ""
    which = "best" if result.verdict is None else "recommended"
    return f"{then}`sweep export {result.study.name}` writes the {which} configuration out as TOML and as plain Keras"


def _more(result: Result) -> str:
    study, done = result.study, len(result.frame)
    if done < study.trials or result.frame["outcome"].isin(["running", "interrupted"]).any():
        return f"`sweep run` goes on to the {study.trials:,} trials planned"
    if study.sampler == "grid" and (size := study.searched.size()) is not None and done >= size:
        return "every combination has been tried, so a wider space is the way on"
    return f"`sweep run` with `--trials {done + max(10, done)}` searches on"
