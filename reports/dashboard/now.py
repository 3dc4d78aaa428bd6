"""What a dashboard shows above the report's sections: the state of each study at this moment."""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from reports import labels
from reports.blocks import Block, Head, Row, Section, Sentence, Table, Tile, Tiles
from sweep import wording
from sweep.results.live import Standing, TrialSoFar
from sweep.runs import Outcome

SHOWN = 5
"""How many of the last ended trials are listed."""
FAILURES = (Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.FAILED)
WIDTH, HEIGHT = 120, 34
"""Pixels of a curve in a table."""


def _now(standing: Standing) -> Sequence[Block]:
    running = [_running(standing)] if standing.running else []
    ended = [_ended(standing)] if standing.ended and standing.holder is not None else []
    return [Sentence(_state(standing)), _tiles(standing), *running, *ended]


def _state(standing: Standing) -> str:
    """Whether a process runs the study, and how to resume it."""
    name, running = standing.study.name, wording.several(len(standing.running), "trial")
    if standing.holder is not None:
        who = f"Process {standing.holder.pid} on {standing.holder.host} is running this study"
        return f"{who}: {running} in progress." if standing.running else f"{who}. No trial is in progress."
    if standing.running:
        return f"The process running this study stopped unexpectedly. `sweep run {name}` resumes its {running}."
    if standing.counted >= standing.study.trials:
        confirm = f"`sweep confirm {name}` tests the best on fresh seeds. " if standing.counted > 1 else ""
        return f"All planned trials are done. {confirm}`sweep report {name}` writes this page as a file."
    verb = "resumes" if standing.outcomes else "starts"
    return f"Not running. `sweep run {name}` {verb} the study."


def _tiles(standing: Standing) -> Tiles:
    done, planned = standing.counted, standing.study.trials
    counts = {outcome: standing.outcomes.get(outcome, 0) for outcome in FAILURES}
    failures = [f"{count:,} {outcome}" for outcome, count in counts.items() if count]
    best, left = standing.best, standing.seconds_left
    duration = wording.NOTHING if left is None else f"about {wording.duration(left)}"
    time_left = Tile("Time left", duration, "if further trials take as long as the last ones")
    return Tiles(
        [
            Tile("Trials done", f"{done:,} of {planned:,}", _kinds(standing), share=min(1.0, done / planned)),
            Tile("Best so far", wording.percent(best.score if best else None), _against(standing, best)),
            *([time_left] if standing.running and standing.holder is not None else []),
            Tile("Failures", f"{sum(counts.values()):,}" if failures else "none", wording.listed(failures)),
        ]
    )


def _kinds(standing: Standing) -> str:
    known = [outcome for outcome in Outcome if standing.outcomes.get(outcome) and outcome not in FAILURES]
    return wording.listed(f"{standing.outcomes[outcome]:,} {outcome}" for outcome in known)


def _against(standing: Standing, best: TrialSoFar | None) -> str:
    """Which trial is the best, and its difference to the baseline."""
    if best is None:
        return "no trial has completed yet"
    if best.baseline:
        return "the baseline itself"
    gain = _gain(best, standing)
    return f"trial {best.number}" + (f", {gain} points vs baseline" if gain != wording.NOTHING else "")


def _running(standing: Standing) -> Table:
    heads = [
        Head("Trial", number=False),
        Head("Epochs"),
        Head(
            "Curve",
            "accuracy by epoch; the scale widens towards the top; dashed: the baseline",
            number=False,
        ),
        Head("Accuracy", "on the validation images, after its last epoch"),
        Head("vs baseline", "difference to the baseline at the same epoch, in percentage points"),
        Head("Training time"),
        Head("Changes", number=False),
    ]
    rows = [
        Row(
            [
                f"{trial.number}",
                f"{trial.epochs:g} of {trial.configuration.epochs}",
                _spark(trial, standing),
                wording.percent(trial.score),
                _gain(trial, standing, trial.epochs),
                wording.duration(trial.cost),
                _changes(trial, standing),
            ],
            link=f"#trial-{trial.number}",
        )
        for trial in standing.running
    ]
    return Table("Trials in progress", heads, rows, titled=True)


def _ended(standing: Standing) -> Table:
    heads = [
        Head("Trial", number=False),
        Head("Outcome", number=False),
        Head("Accuracy"),
        Head("vs baseline", "difference to the baseline, in percentage points"),
        Head("Changes", number=False),
        Head("Reason", number=False),
    ]
    rows = [
        Row(
            [
                f"{trial.number}",
                str(trial.outcome),
                wording.percent(trial.score),
                _gain(trial, standing),
                _changes(trial, standing),
                trial.reason or labels.OUTCOMES.get(trial.outcome, ""),
            ],
            "best" if trial == standing.best else "",
            link=f"#trial-{trial.number}",
        )
        for trial in standing.ended[:SHOWN]
    ]
    return Table("Last ended trials", heads, rows, titled=True)


def _studies(standings: Sequence[Standing]) -> Sequence[Block]:
    if not standings:
        return [Sentence("There are no studies in this database yet. `sweep run quickstart` starts one.")]
    heads = [
        Head("Study", number=False),
        Head("Trials done"),
        Head("Best so far"),
        Head("vs baseline", "difference to the baseline, in percentage points"),
        Head("Failures", "failed, diverged, timed out or out of memory"),
        Head("State", number=False),
        Head("Description", number=False),
    ]
    return [Table("Studies", heads, [_study(standing) for standing in standings])]


def _study(standing: Standing) -> Row:
    best, left = standing.best, standing.seconds_left
    cells = [
        standing.study.name,
        f"{standing.counted:,} of {standing.study.trials:,}",
        wording.percent(best.score if best else None),
        _gain(best, standing),
        f"{sum(standing.outcomes.get(outcome, 0) for outcome in FAILURES):,}",
        _short_state(standing) + ("" if left is None else f", about {wording.duration(left)} left"),
        standing.study.description,
    ]
    return Row(cells, link=f"/study/{standing.study.name}")


def _short_state(standing: Standing) -> str:
    if standing.holder is not None:
        return "running"
    if standing.counted >= standing.study.trials:
        return "done"
    return "stopped" if standing.outcomes else "not started"


NOW: Section[Standing] = Section("now", "Now", "", _now)
STUDIES: Section[Sequence[Standing]] = Section("studies", "Studies", "", _studies)


def _changes(trial: TrialSoFar, standing: Standing) -> str:
    if trial.baseline:
        return "the baseline"
    return labels.differences(trial.configuration, standing.study.base) or "none: the baseline's values"


def _gain(trial: TrialSoFar | None, standing: Standing, epoch: float | None = None) -> str:
    """Points between a trial and the baseline, at its last epoch or at this one; a dash without them."""
    reference = standing.baseline
    if trial is None or trial.baseline or trial.score is None or reference is None:
        return wording.NOTHING
    at_that = [place.val_accuracy for place in reference.curve if epoch in (None, place.epoch)]
    return wording.points(trial.score - at_that[-1]) if at_that else wording.NOTHING


def _spark(trial: TrialSoFar, standing: Standing) -> Markup | str:
    """A trial's curve on the scale of all in progress, over the baseline's; a dash before its first epoch."""
    shown = [each for each in (standing.baseline, *standing.running) if each is not None and each.curve]
    errors = [_depth(place.val_accuracy) for each in shown for place in each.curve if math.isfinite(place.val_accuracy)]
    if not trial.curve or not errors:
        return wording.NOTHING
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
    reference = points((place.epoch, place.val_accuracy) for place in before)
    return _svg(own, reference, f"accuracies by epoch: {_accuracies(trial)}")


def _depth(score: float) -> float:
    """How near to 1 an accuracy is, as the number of digits that are nine."""
    return -math.log10(max(1 - score, 1e-4))


def _accuracies(trial: TrialSoFar) -> str:
    return ", ".join(wording.percent(place.val_accuracy) for place in trial.curve)


def _svg(own: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]], label: str) -> Markup:
    lines = [
        Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        for name, points in (("before", reference), ("own", own))
    ]
    dots = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(x, y) for x, y in own[-1:])
    return Markup('<svg class="spark" width="{}" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(lines), dots
    )
