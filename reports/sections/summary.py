"""The opening of a study's page: its numbers as tiles, what the best changes, two sentences, and the next step."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from reports import frames, labels, recommendation
from reports.blocks import Block, Chip, Chips, Section, Sentence, Strip, Tile, Tiles
from reports.sections import importance, outlook
from sweep import wording
from sweep.data.names import DATASETS
from sweep.models.tutorial.parameters import TUTORIAL_ACCURACY
from sweep.results.climb import climb_in_words
from sweep.results.forecast import JUDGED
from sweep.results.result import Result, configuration_of
from sweep.results.summary import CONCLUSIONS
from sweep.results.verdict import Conclusion, Verdict
from sweep.results.winner import Gain
from sweep.runs import BASELINE
from sweep.space.configuration import Configuration
from sweep.space.differences import differences
from sweep.storage.lease import Work
from sweep.verdict.statistics import LOOKS

MENTIONED = 4
"""Parameters that a sentence names before it says how many more there are."""
MOST_CHIPS = 8


# Tiles


def tiles(result: Result) -> list[Tile]:
    """The best and the baseline, the gain and what it means, trials and time.

    They are those of the confirmation where there is one, else of the search.
    """
    compared = _searched(result) if result.verdict is None else _confirmed(result, result.verdict)
    return [*compared, _trials(result)]


def _searched(result: Result) -> list[Tile]:
    frame, gain = result.frame, result.gain
    top, reference = frames.best(frame), frames.baseline(frame)
    if top is None:
        return []
    score, on = float(top["score"]), _on(result, top["trial"])
    if top["baseline"]:
        note = f"the baseline itself{on}{_tutorial(result, score)}"
        return [Tile("Best", wording.percent(score), note), Tile("Gain", "none", _second(result))]
    best = Tile("Best", wording.percent(score), f"trial {top['trial']}{on}")
    compared, after = result.baseline_beside
    number = wording.percent(compared)
    if gain is None or reference is None:
        return [best, Tile("Baseline", number, _no_gain(reference, after))]
    note = f"trial {reference['trial']}{after}{_tutorial(result, compared)}"
    return [best, Tile("Baseline", number, note), _expected(gain)]


def _on(result: Result, trial: int) -> str:
    """How far a trial is, and what its score is of."""
    metric = labels.by_metric(result.study)
    images = f"{result.study.validation:,} validation images"
    if (folds := result.folds(trial)) > 1:
        images = f"{folds} folds of {images}: their mean"
    return f"{result.so_far(trial)}{metric}, on {images}"


def _expected(gain: Gain) -> Tile:
    """What the best should gain on a fresh seed, and what that means."""
    meaning = "more than chance" if gain.clear else "may be chance"
    luck = f"The {wording.points(gain.seen)} seen is partly luck: it is the best of {gain.trials:,} scores"
    note = f"{wording.percent(gain.accuracy)} on a fresh seed: {meaning}. {luck}"
    return Tile("Expected gain, points", wording.points(gain.difference, gain.noise), note)


def _confirmed(result: Result, verdict: Verdict) -> list[Tile]:
    own, base, meaning = verdict.find(verdict.recommended), verdict.baseline.mean, CONCLUSIONS[verdict.conclusion]
    assert own is not None
    seeds = f"{wording.several(len(own.scores), 'fresh seed')}{labels.by_metric(result.study)}"
    who = f"{wording.the_trial(own.trial)} on {seeds}"
    tutorial = _tutorial(result, base.value, verdict.size.train_size)
    recommended = Tile("Recommended", wording.percent(own.mean.value, own.mean.reach), who)
    if own.difference is None:
        return [replace(recommended, note=who + tutorial), Tile("Gain", "none", meaning)]
    baseline = Tile("Baseline", wording.percent(base.value, base.reach), f"on the same seeds{tutorial}")
    gain = wording.points(own.difference.value, own.difference.reach)
    return [recommended, baseline, Tile("Gain, points", gain, meaning)]


def _trials(result: Result) -> Tile:
    counts = result.frame["outcome"].value_counts()
    ended = [f"{counts[outcome]:,} {outcome}" for outcome in labels.OUTCOMES if outcome in counts]
    done, planned = frames.counted(result.frame), result.study.trials
    note = f"{wording.listed(ended)}, {wording.duration(result.frame['cost'].sum())} of training" if ended else ""
    return Tile("Trials", f"{done:,} of {planned:,}", note, (done, planned))


def _second(result: Result) -> str:
    others = frames.best_first(result.frame)[["trial", "baseline", "expected", "score"]]
    others = others[~others["baseline"] & others["expected"].notna()]
    if others.empty:
        return "no other trial has a score yet"
    second = others.iloc[0]
    reached = f"{wording.percent(second['score'])}{result.so_far(second['trial'])}"
    return f"no trial beats the baseline; second is trial {second['trial']} with {reached}"


def _no_gain(reference: pd.Series | None, after: str) -> str:
    """Why the best cannot be compared with the baseline; `after` says how far that is."""
    if reference is None:
        return "not trained"
    if reference["outcome"] not in JUDGED:
        return labels.ended(reference)
    return "no score yet" if wording.missing(reference["score"]) else f"trial {reference['trial']}{after}"


def _tutorial(result: Result, baseline: float, train_size: int | None = None) -> str:
    """Why accuracies lie below the tutorial's, if fewer images train the networks; else empty."""
    study, images = result.study, DATASETS["mnist"].images
    if (study.data, study.metric) != ("mnist", "accuracy") or baseline >= TUTORIAL_ACCURACY:
        return ""
    fewer = train_size or (study.train_size if result.verdict is None else None) or images - study.validation
    return f". Trained on {fewer:,} images; the tutorial's {wording.percent(TUTORIAL_ACCURACY)} took {images:,}"


# Chips


def best_and_baseline(result: Result) -> tuple[Configuration, Configuration] | None:
    """The best trial, or the recommended one, and the baseline; None where one of them is not known."""
    reference = frames.baseline(result.frame)
    if reference is None or not result.has_best:
        return None
    return result.configuration(result.recommended), configuration_of(reference, result.study.base)


def chips(result: Result) -> list[Chip]:
    """What the best trial, or the recommended one, changes of the baseline; none where there is no baseline."""
    both = best_and_baseline(result)
    changed = [] if both is None else [each for each in differences(*both) if each.after is not None]
    return [Chip(labels.label(each.name), wording.value(each.before), wording.value(each.after)) for each in changed]


# Sentences


def sentences(result: Result) -> list[str]:
    """At most two: of a verdict, for what it holds or why this network, and the test images; else what mattered."""
    if result.verdict is not None:
        why = result.limit or climb_in_words(result.verdicts) or recommendation.why(result.verdict)
        return [sentence for sentence in (why, recommendation.tested(result)) if sentence]
    if result.has_best:
        found = [*importance.sentences(result), *outlook.sentences(result)[-1:]]
        return found or [f"Search space: {space(result)}."]
    if result.frame.empty or (result.frame["outcome"] == "running").any():
        return [f"No trial has a score yet. Search space: {space(result)}."]
    return ["No trial has a score. The reasons are listed under Outcomes."]


def space(result: Result) -> str:
    """What varies, and over which ranges."""
    ranges = [f"{labels.label(name)} ({labels.span(name, span)})" for name, span in result.study.space.items()]
    return wording.some_of(ranges, MENTIONED, "parameters")


# The next step


def step(result: Result) -> Strip | None:
    """What is to be done next; None while a process runs the study, and where nothing is left to do."""
    outcomes, verdict = result.frame["outcome"], result.verdict
    confirm = result.command("confirm")
    if result.work is not None:
        return None
    if outcomes.empty:
        return Strip("Not started:", result.command("run"))
    if (outcomes == "running").any():
        return None
    if not outlook.searched(result):
        return Strip("Not finished:", result.command("run"), "resumes the search")
    if verdict is None:
        if not recommendation.can_confirm(result):
            return None
        minutes = math.ceil(recommendation.seconds(result) / 60)
        return Strip("Not confirmed:", confirm, f"about {wording.duration(60 * minutes)}" if minutes else "")
    if verdict.conclusion is Conclusion.UNKNOWN:
        more = next((look for look in LOOKS if look > len(verdict.seeds)), LOOKS[-1])
        return Strip("Too little to conclude from:", result.command("confirm", options=["--seeds", str(more)]))
    if (later := recommendation.left_out(result)) is not None:
        return Strip(f"Trial {later}, the best since then, is not confirmed:", confirm)
    if verdict.recommended == BASELINE:
        return None
    return Strip("Ready to use:", result.command("export"), "writes it as TOML and as plain Keras")


def _under_way(work: Work) -> str:
    return f"In progress: {labels.WORK[work]}."


def _blocks(result: Result) -> Sequence[Block]:
    changed, following = chips(result), step(result)
    more = f"and {len(changed) - MOST_CHIPS} more" if len(changed) > MOST_CHIPS else ""
    return [
        Tiles(tiles(result)),
        *([Chips("Changes from the baseline", changed[:MOST_CHIPS], more)] if changed else []),
        *map(Sentence, sentences(result)),
        *([Sentence(_under_way(result.work))] if result.work not in (None, Work.SEARCH) else []),
        *([following] if following else []),
    ]


SECTION = Section("summary", "", "", _blocks, quick=True)
