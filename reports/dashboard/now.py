"""What a dashboard shows above the report's sections: the state of each study at this moment."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports import labels
from reports.blocks import Block, Head, Row, Section, Sentence, Table
from sweep import wording
from sweep.data.metric import unit
from sweep.results.forecast import compared_score
from sweep.results.status import Status, TrialSoFar
from sweep.runs import Outcome
from sweep.shell import sweep_command
from sweep.storage.lease import Work

SHOWN = 5
"""How many of the last ended trials are listed."""
FAILURES = (Outcome.DIVERGED, Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.FAILED)
WIDTH, HEIGHT = 120, 34
"""Pixels of a curve in a table."""


def _now(status: Status) -> Sequence[Block]:
    running = [_running(status)] if status.running else []
    ended = [_ended(status)] if status.ended and status.holder is not None else []
    return [Sentence(_state(status) + _queued(status) + _nodes(status)), *running, *ended]


def _state(status: Status) -> str:
    """Whether a process runs the study, and how to resume it."""
    running = wording.several(len(status.running), "trial")
    if status.holder is not None:
        who = f"Process {status.holder.pid} on {status.holder.host} is running this study"
        left = status.seconds_left
        about = "" if left is None else f", about {wording.duration(left)} left if trials take as long as the last ones"
        if status.running:
            return f"{who}: {running} in progress{about}."
        if status.work in (None, Work.SEARCH):
            return f"{who}. No trial is in progress."
        return f"{who}: {labels.WORK[status.work]}."
    if status.running:
        return f"The process running this study stopped unexpectedly. `{status.command('run')}` resumes its {running}."
    if status.counted >= status.study.trials:
        return f"All planned trials are done. `{status.command('report')}` writes this page as a file."
    verb = "resumes" if status.outcomes else "starts"
    return f"Not running. `{status.command('run')}` {verb} the study."


def _queued(status: Status) -> str:
    """What waits to be tried first; empty where nothing does."""
    if not status.queued:
        return ""
    verb = "waits" if status.queued == 1 else "wait"
    return f" {wording.several(status.queued, 'configuration')} {verb} in the queue."


def _nodes(status: Status) -> str:
    """How many trials each node of a cluster trains; empty without a cluster."""
    trained = Counter(trial.node for trial in status.running if trial.node)
    each = wording.listed(f"{count} on {node}" for node, count in sorted(trained.items()))
    return f" Trials on nodes: {each}." if trained else ""


def _after(best: TrialSoFar) -> str:
    """How far it is, as in " after 3 of 9 epochs"; empty once it has completed."""
    return wording.so_far(best.epochs, best.configuration.epochs, best.outcome is Outcome.COMPLETED)


def _running(status: Status) -> Table:
    on_cluster = any(trial.node for trial in status.running)
    heads = [
        Head("Trial", number=False),
        Head("Epochs"),
        Head(
            "Curve",
            "score by epoch; the scale widens towards the top; dashed: the baseline",
            number=False,
        ),
        Head(labels.metric(status.study), "on the validation images, after its last epoch"),
        Head("vs baseline", "difference to the baseline at the same epoch, in percentage points"),
        Head("Training time"),
        *([Head("Node", number=False)] if on_cluster else []),
        Head("Changes", number=False),
    ]
    rows = [
        Row(
            [
                _name(trial),
                _epochs(trial, status),
                _spark(trial, status),
                wording.percent(trial.score),
                _gain(trial, status),
                wording.duration(trial.cost),
                *([trial.node or wording.NOTHING] if on_cluster else []),
                _changes(trial, status),
            ],
            link=f"#trial-{trial.number}",
        )
        for trial in status.running
    ]
    return Table("Trials in progress", heads, rows, titled=True)


def _ended(status: Status) -> Table:
    heads = [
        Head("Trial", number=False),
        Head("Outcome", number=False),
        Head(labels.metric(status.study)),
        Head("vs baseline", "difference to the baseline, in percentage points"),
        Head("Changes", number=False),
        Head("Reason", number=False),
    ]
    rows = [
        Row(
            [
                _name(trial),
                str(trial.outcome),
                wording.percent(trial.score),
                _gain(trial, status),
                _changes(trial, status),
                trial.reason or labels.OUTCOMES[trial.outcome],
            ],
            "best" if trial == status.best else "",
            link=f"#trial-{trial.number}",
        )
        for trial in status.ended[:SHOWN]
    ]
    return Table("Last ended trials", heads, rows, titled=True)


@dataclass(frozen=True)
class Statuses:
    """The studies of a database at this moment; `storage` is its path or URL, without its password."""

    storage: str
    all: Sequence[Status]


def _studies(statuses: Statuses) -> Sequence[Block]:
    if not statuses.all:
        start = sweep_command("run", "quickstart", storage=statuses.storage)
        return [Sentence(f"There are no studies in this database yet. `{start}` starts one.")]
    heads = [
        Head("Study", number=False),
        Head("State", number=False),
        Head("Trials done"),
        Head("Progress", "best completed trial so far; the scale widens towards the top; dashed: the baseline"),
        Head("Best so far"),
        Head("vs baseline", "difference to the baseline, in percentage points"),
        Head("Failures", "failed, diverged, timed out or out of memory"),
        Head("Last change", "when a trial last began or ended", number=False),
        Head("Description", number=False),
    ]
    return [Table("Studies", heads, [_study(status) for status in statuses.all], sorts=True)]


def _study(status: Status) -> Row:
    """A study's row; each cell stands beside what it is sorted by."""
    best, left, name = status.best, status.seconds_left, status.study.name
    failures = sum(status.outcomes.get(outcome, 0) for outcome in FAILURES)
    score, difference = (None, None) if best is None else (best.score, _difference(best, status))
    about = "" if left is None else f", about {wording.duration(left)} left"
    reached = wording.percent(score) + ("" if best is None else unit(status.study.metric) + _after(best))
    done: tuple[tuple[str, object], ...] = (
        (name, name),
        (_short_state(status) + about, _short_state(status)),
        (_done(status), status.counted / status.study.trials),
        (_climb(status), status.climb[-1][1] if status.climb else None),
        (reached, score),
        (wording.points(difference), difference),
        (f"{failures:,}", failures),
        (wording.moment(status.changed), "" if status.changed is None else status.changed.isoformat()),
        (status.study.description, status.study.description),
    )
    cells, keys = zip(*done, strict=True)
    return Row(cells, keys=[labels.key(key) for key in keys], link=f"/study/{name}")


def _done(status: Status) -> Markup:
    """How many trials are done, over a bar."""
    done, planned = status.counted, status.study.trials
    bar = '{:,} of {:,}<progress value="{}" max="{}" aria-label="Trials done of {}"></progress>'
    return Markup(bar).format(done, planned, done, planned, status.study.name)


def _short_state(status: Status) -> str:
    if status.holder is not None:
        return "running" if status.work in (None, Work.SEARCH) else str(status.work)
    if status.counted >= status.study.trials:
        return "done"
    return "stopped" if status.outcomes else "not started"


NOW: Section[Status] = Section("now", "Now", "", _now)
STUDIES: Section[Statuses] = Section("studies", "Studies", "", _studies)


def _name(trial: TrialSoFar) -> str:
    return " · ".join([f"{trial.number}", *filter(None, [trial.origin])])


def _epochs(trial: TrialSoFar, status: Status) -> str:
    """As in "3 of 9", or "3 of 9, fold 2 of 5"."""
    fold = wording.on_fold(trial.fold, status.study.folds or 1)
    return f"{trial.in_progress(1).trained:g} of {trial.configuration.epochs}{fold}"


def _changes(trial: TrialSoFar, status: Status) -> str:
    if trial.baseline:
        return "the baseline"
    return labels.differences(trial.configuration, status.study.base) or "none: the baseline's values"


def _gain(trial: TrialSoFar | None, status: Status) -> str:
    """Points between a trial and the baseline; a dash where they cannot be compared."""
    return wording.points(None if trial is None else _difference(trial, status))


def _difference(trial: TrialSoFar, status: Status) -> float | None:
    """A trial's score less that of the baseline; None where they cannot be compared."""
    reference = status.baseline
    if trial.baseline or trial.score is None or reference is None:
        return None
    scores = {place.epoch: place.val_accuracy for place in reference.curve}
    completed, ended = (each.outcome is Outcome.COMPLETED for each in (trial, reference))
    compared = compared_score(trial.epochs, completed, scores, ended)
    return None if compared is None else trial.score - compared


def _spark(trial: TrialSoFar, status: Status) -> Markup | str:
    """A trial's curve on the scale of all in progress, over the baseline's; a dash before its first epoch."""
    shown = [each for each in (status.baseline, *status.running) if each is not None and each.curve]
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
    before = [] if trial.baseline or status.baseline is None else status.baseline.curve
    reference = points((place.epoch, place.val_accuracy) for place in before)
    scores = ", ".join(wording.percent(place.val_accuracy) for place in trial.curve)
    return _svg(own, reference, f"scores by epoch: {scores}")


def _climb(status: Status) -> Markup | str:
    """The best so far over the trials that have completed, with the baseline's score; a dash without one."""
    if not status.climb:
        return wording.NOTHING
    last, reference = status.outcomes.get(Outcome.COMPLETED, 1), status.baseline
    base = None if reference is None or reference.outcome is not Outcome.COMPLETED else reference.score
    depths = [_depth(score) for score in (*(score for _, score in status.climb), *([] if base is None else [base]))]
    low, high = min(depths), max(depths)

    def point(place: float, score: float) -> tuple[float, float]:
        across, down = (place - 1) / max(1, last - 1), (high - _depth(score)) / ((high - low) or 1)
        return 4 + (WIDTH - 8) * across, 4 + (HEIGHT - 8) * down

    own = [point(*status.climb[0])]
    for place, score in status.climb[1:]:
        own += [(point(place, score)[0], own[-1][1]), point(place, score)]
    own.append(point(last, status.climb[-1][1]))
    before = [] if base is None else [point(1, base), point(last, base)]
    return _svg(own, before, f"best so far: {', '.join(wording.percent(score) for _, score in status.climb)}")


def _depth(score: float) -> float:
    """How near to 1 a score is, as the number of digits that are nine."""
    return -math.log10(max(1 - score, 1e-4))


def _svg(own: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]], label: str) -> Markup:
    lines = [
        Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        for name, points in (("before", reference), ("own", own))
    ]
    dots = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(x, y) for x, y in own[-1:])
    return Markup('<svg class="spark" width="{}" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(lines), dots
    )
