"""What a served page has that a file has not: how studies stand at this moment."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reports import words
from reports.blocks import Block, Head, Row, Sentence, Table, Tile, Tiles
from reports.elements import Element
from sweep.results.live import Standing, TrialSoFar
from sweep.runs import Outcome

SHOWN = 5
"""Trials that are listed of those that ended last."""
BADLY = (Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.FAILED)
WIDTH, HEIGHT = 120, 34
"""Pixels of a curve in a table."""


def _now(standing: Standing) -> Sequence[Block]:
    under_way = [_under_way(standing)] if standing.running else []
    ended = [_ended(standing)] if standing.ended and standing.holder is not None else []
    return [Sentence(_state(standing)), _tiles(standing), *under_way, *ended]


def _state(standing: Standing) -> str:
    """Whether somebody runs the study, and how it goes on."""
    name, under_way = standing.study.name, words.several(len(standing.running), "trial")
    if standing.holder is not None:
        who = f"Process {standing.holder.pid} on {standing.holder.host} is at work on it"
        return f"{who}: {under_way} under way." if standing.running else f"{who}; no trial is under way just now."
    if standing.running:
        return f"Whoever ran it ended without a word, with {under_way} under way; `sweep run` goes on with them."
    if standing.counted >= standing.study.trials:
        confirm = f"`sweep confirm {name}` tells gain from luck, " if standing.counted > 1 else ""
        return f"All its trials are done. {confirm}`sweep report {name}` keeps it."
    return "Nobody runs it at the moment; `sweep run` goes on with it."


def _tiles(standing: Standing) -> Tiles:
    done, planned = standing.counted, standing.study.trials
    counts = {outcome: standing.outcomes.get(outcome, 0) for outcome in BADLY}
    badly = [f"{count:,} {outcome}" for outcome, count in counts.items() if count]
    best, left = standing.best, standing.seconds_left
    told = words.NOTHING if left is None else f"about {words.duration(left)}"
    time_left = Tile("Time left", told, "if the next trials take what the last ones took")
    return Tiles(
        [
            Tile("Trials done", f"{done:,} of {planned:,}", _kinds(standing), share=min(1.0, done / planned)),
            Tile("Best so far", words.percent(best and best.score), _against(standing, best)),
            *([time_left] if standing.running and standing.holder is not None else []),
            Tile("Ended badly", f"{sum(counts.values()):,}" if badly else "none", words.listed(badly)),
        ]
    )


def _kinds(standing: Standing) -> str:
    known = [outcome for outcome in Outcome if standing.outcomes.get(outcome) and outcome not in BADLY]
    return words.listed(f"{standing.outcomes[outcome]:,} {outcome}" for outcome in known)


def _against(standing: Standing, best: TrialSoFar | None) -> str:
    """Who the best is, and how far from the baseline."""
    if best is None:
        return "no trial has completed yet"
    if best.baseline:
        return "the baseline itself"
    gain = _gain(best, standing)
    return f"trial {best.number}" + (f", {gain} points to the baseline" if gain != words.NOTHING else "")


def _under_way(standing: Standing) -> Table:
    heads = [
        Head("Trial", number=False),
        Head("Epochs"),
        Head("Curve", "validation accuracy by epoch, wider towards the top; dashed: the baseline", number=False),
        Head("Accuracy", "on the validation images, after its last epoch"),
        Head("To baseline", "difference to the baseline after as many epochs, in percentage points"),
        Head("Trained for"),
        Head("What differs", number=False),
    ]
    rows = [
        Row(
            [
                f"{trial.number}",
                f"{trial.epochs:g} of {trial.configuration.epochs}",
                _spark(trial, standing),
                words.percent(trial.score),
                _gain(trial, standing, trial.epochs),
                words.duration(trial.cost),
                _changes(trial, standing),
            ],
            link=f"#trial-{trial.number}",
        )
        for trial in standing.running
    ]
    return Table("Trials under way", heads, rows, titled=True)


def _ended(standing: Standing) -> Table:
    heads = [
        Head("Trial", number=False),
        Head("Outcome", number=False),
        Head("Accuracy"),
        Head("To baseline", "difference to the baseline, in percentage points"),
        Head("What differs", number=False),
        Head("Why", number=False),
    ]
    rows = [
        Row(
            [
                f"{trial.number}",
                str(trial.outcome),
                words.percent(trial.score),
                _gain(trial, standing),
                _changes(trial, standing),
                trial.reason or words.OUTCOMES.get(trial.outcome, ""),
            ],
            "best" if trial == standing.best else "",
            link=f"#trial-{trial.number}",
        )
        for trial in standing.ended[:SHOWN]
    ]
    return Table("Ended last", heads, rows, titled=True)


def _studies(standings: Sequence[Standing]) -> Sequence[Block]:
    if not standings:
        return [Sentence("There are no studies in this database yet; `sweep run quickstart` begins one.")]
    heads = [
        Head("Study", number=False),
        Head("Trials done"),
        Head("Best so far"),
        Head("To baseline", "difference to the baseline, in percentage points"),
        Head("Ended badly", "failed, diverged, timed out or out of memory"),
        Head("State", number=False),
        Head("What it tries", number=False),
    ]
    return [Table("Studies", heads, [_study(standing) for standing in standings])]


def _study(standing: Standing) -> Row:
    best, left = standing.best, standing.seconds_left
    cells = [
        standing.study.name,
        f"{standing.counted:,} of {standing.study.trials:,}",
        words.percent(best and best.score),
        _gain(best, standing),
        f"{sum(standing.outcomes.get(outcome, 0) for outcome in BADLY):,}",
        _short_state(standing) + ("" if left is None else f", about {words.duration(left)} left"),
        standing.study.description,
    ]
    return Row(cells, link=f"/study/{standing.study.name}")


def _short_state(standing: Standing) -> str:
    if standing.holder is not None:
        return "running"
    if standing.counted >= standing.study.trials:
        return "done"
    return "stopped" if standing.outcomes else "not begun"


NOW: Element[Standing] = Element("now", "Now", "", _now)
STUDIES: Element[Sequence[Standing]] = Element("studies", "Studies", "", _studies)


def _changes(trial: TrialSoFar, standing: Standing) -> str:
    if trial.baseline:
        return "the baseline"
    before = standing.study.base.values()
    changed = {name: value for name, value in trial.configuration.values().items() if before.get(name) != value}
    told = [f"{words.label(name)} {words.value(name, value)}" for name, value in changed.items()]
    return words.some_of(told, 4, "") or "nothing: the baseline's values"


def _gain(trial: TrialSoFar | None, standing: Standing, epoch: float | None = None) -> str:
    """Points between a trial and the baseline, at the end of its curve or after so many epochs; a dash without them."""
    reference = standing.baseline
    if trial is None or trial.baseline or trial.score is None or reference is None:
        return words.NOTHING
    at_that = [place.val_accuracy for place in reference.curve if epoch in (None, place.epoch)]
    return words.points(trial.score - at_that[-1]) if at_that else words.NOTHING


def _spark(trial: TrialSoFar, standing: Standing) -> Markup | str:
    """A trial's curve on the scale of all that are under way, over the baseline's; a dash before its first epoch."""
    shown = [each for each in (standing.baseline, *standing.running) if each is not None and each.curve]
    errors = [_depth(place.val_accuracy) for each in shown for place in each.curve if math.isfinite(place.val_accuracy)]
    if not trial.curve or not errors:
        return words.NOTHING
    low, high = min(errors), max(errors)
    last = max(trial.configuration.epochs, trial.epochs)

    def points(curve: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return [
            (4 + (WIDTH - 8) * epoch / last, 4 + (HEIGHT - 8) * (high - _depth(score)) / ((high - low) or 1))
            for epoch, score in curve
            if math.isfinite(score) and epoch <= last
        ]

    own = points((place.epoch, place.val_accuracy) for place in trial.curve)
    before = [] if trial.baseline or standing.baseline is None else standing.baseline.curve
    beside = points((place.epoch, place.val_accuracy) for place in before)
    return _drawn(own, beside, f"accuracies by epoch: {_said(trial)}")


def _depth(score: float) -> float:
    """How near to 1 an accuracy is, as the number of digits that are nine."""
    return -math.log10(max(1 - score, 1e-4))


def _said(trial: TrialSoFar) -> str:
    return ", ".join(words.percent(place.val_accuracy) for place in trial.curve)


def _drawn(own: Sequence[tuple[float, float]], beside: Sequence[tuple[float, float]], label: str) -> Markup:
    lines = [
        Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        for name, points in (("before", beside), ("own", own))
    ]
    dots = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(x, y) for x, y in own[-1:])
    return Markup('<svg class="spark" width="{}" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(lines), dots
    )
