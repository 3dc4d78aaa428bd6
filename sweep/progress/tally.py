"""What is known of a task while it is under way: runs in progress, outcomes, the best so far, the time left."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter

from sweep.coordinator.watcher import LabelledRun, trial_label
from sweep.data.metric import Metric, unit
from sweep.defaults import VALIDATION
from sweep.progress.display import Task
from sweep.results.forecast import JUDGED, LEARNT, Forecast, compared_score, completed_curves
from sweep.results.outlook import TOP, in_words, outlook
from sweep.results.result import Result
from sweep.results.time_left import LATEST, InProgress, seconds_left
from sweep.runs import UNFINISHED, Epoch, Outcome
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.wording import duration, percent, several, so_far, value

REMEMBERED = 50
"""Of an earlier call's trials, so many may still be the best."""


@dataclass(frozen=True)
class Best:
    """The run that most is expected of: its score after so many epochs, and what is expected after its last."""

    expected: float
    score: float
    epoch: float
    label: str
    configuration: Configuration

    @property
    def completed(self) -> bool:
        return self.epoch >= self.configuration.epochs


class Tally:
    """A watcher that counts what every display needs to know: runs in progress, how the others ended, the best so far.

    Runs are known by their labels. `changed` is called whenever there is something new to see.
    """

    def __init__(self, task: Task, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self.base, self.target, self.workers, self.noun = task.base, task.target, task.workers, task.noun
        self._counted = task.counted
        self._study, self._folds = task.study, (task.study and task.study.folds) or 1
        self.metric: Metric = "accuracy" if task.study is None else task.study.metric
        self._scores: dict[str, float | None] = {}  # in order of trials; NaN: not completed, None: not ended
        self._top: list[tuple[float, str, Configuration]] = []
        self.running: dict[str, tuple[LabelledRun, list[Epoch]]] = {}
        self._before: defaultdict[str, float] = defaultdict(float)  # seconds of training on their earlier folds
        self.epochs: dict[str, float] = {}  # how far each of them is, the finished part of an epoch included
        self._spent: defaultdict[str, float] = defaultdict(float)  # seconds of training, whatever was reused left out
        self._ended: dict[str, None] = {}  # in the order of their ends
        self.outcomes: Counter[Outcome] = Counter()
        self.paused: set[str] = set()
        self._baseline: dict[float, float] = {}  # the score of the baseline by epoch
        self._baseline_ended = False
        self._judged: dict[str, Best] = {}  # by label: what is expected of the runs that may be the best
        self._images = VALIDATION if task.study is None else task.study.scoring
        self._completed: list[list[tuple[float, float]]] = []  # the curves of the first, from which is learnt
        self._forecast = Forecast(self._images)
        self.nodes: dict[str, str] = {}  # of a cluster, by the run whose last epoch they trained
        self.waiting: set[str] = set()  # for a process that trains the same run
        self.ready = self.died = 0
        self._last_death = ""
        self._counted_before = 0
        if task.before is not None:
            self._remember(task.before)

    def _remember(self, before: Result) -> None:
        """Takes in what earlier calls have found, so that this one resumes counting from there."""
        frame = before.frame.fillna({"cost": 0.0})
        feasible = frame[frame["outcome"] != Outcome.INFEASIBLE]
        completed: list[tuple[float, int]] = []
        for number, outcome, score in zip(feasible["trial"], feasible["outcome"], feasible["score"], strict=True):
            label = trial_label(number)
            if outcome in UNFINISHED:
                self._scores[label] = None
                continue
            self._counted_before += 1
            self._scores[label] = score if outcome == Outcome.COMPLETED else math.nan
            if outcome == Outcome.PAUSED:
                self.paused.add(label)
            if outcome == Outcome.COMPLETED:
                completed.append((score, number))
        for score, number in nlargest(TOP, completed, key=itemgetter(0)):
            self._enter(score, trial_label(number), before.configuration(number))
        self._remember_comparison(before)
        self._spent |= {trial_label(number): cost for number, cost in zip(frame["trial"], frame["cost"], strict=True)}
        over = feasible[~feasible["outcome"].isin(UNFINISHED)].sort_values("finished", kind="stable")
        self._ended = dict.fromkeys(map(trial_label, over["trial"].tail(LATEST)))

    def _remember_comparison(self, before: Result) -> None:
        """Takes in the best of earlier calls, and the baseline."""
        frame, curves = before.frame, before.curves
        self._completed = completed_curves(frame, curves)
        self._forecast = Forecast.after(self._completed, self._images)
        baseline = curves[curves["trial"].isin(frame.loc[frame["baseline"], "trial"])]
        self._baseline = dict(zip(baseline["epoch"], baseline["val_accuracy"], strict=True))
        if before.baseline_score is not None:
            self._baseline[self.base.epochs], self._baseline_ended = before.baseline_score, True
        for row in frame.dropna(subset=["expected"]).nlargest(REMEMBERED, "expected").to_dict("records"):
            number, score, epoch = row["trial"], row["score"], row["trained_epochs"]
            self._judge(trial_label(number), before.configuration(number), score, epoch)

    def _judge(self, label: str, configuration: Configuration, score: float, epoch: float) -> None:
        """Takes in what is expected of a run that has come so far."""
        expected = self._forecast.expected(score, epoch, configuration.epochs)
        self._judged[label] = Best(expected, score, epoch, label, configuration)

    def _learn(self, curve: list[Epoch]) -> None:
        """Has the curve of a run that has completed correct what is expected of the others."""
        if len(self._completed) < LEARNT:
            self._completed.append([(each.epoch, each.val_accuracy) for each in curve])
            self._forecast = Forecast.after(self._completed, self._images)
            for each in list(self._judged.values()):
                self._judge(each.label, each.configuration, each.score, each.epoch)

    def _enter(self, score: float, label: str, configuration: Configuration) -> None:
        """Takes a completed run in among the best, behind those of the same score."""
        self._top = sorted([*self._top, (score, label, configuration)], key=lambda each: -each[0])[:TOP]

    def worker_ready(self, device: str) -> None:
        self.ready += 1
        self._changed()

    def placed(self, run: LabelledRun, node: str) -> None:
        self.nodes[run.label] = node
        self._changed()

    def waits(self, run: LabelledRun) -> None:
        self.waiting.add(run.label)
        self._changed()

    def progress(self, run: LabelledRun, epochs: float) -> None:
        self.epochs[run.label] = epochs
        self.waiting.discard(run.label)
        self._changed()

    def retried(self, run: LabelledRun, reason: str) -> None:
        """Another worker is starting in place of the one that died."""
        self.ready -= 1
        self.died += 1
        self._last_death = f"last {run.label}: {reason}"
        self._changed()

    def infeasible(self, label: str, reason: str) -> None:
        self.outcomes[Outcome.INFEASIBLE] += 1
        self._changed()

    def began(self, run: LabelledRun) -> None:
        _, curve = self.running.get(run.label, (run, []))
        self._before[run.label] += sum(each.seconds for each in curve)
        self.running[run.label] = (run, [])
        self._ended.pop(run.label, None)
        self._scores.setdefault(run.label, None)
        if run.label in self.paused:
            self.paused.remove(run.label)
            if self.outcomes[Outcome.PAUSED]:
                self.outcomes[Outcome.PAUSED] -= 1
            else:
                self._counted_before -= 1
        self._changed()

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        self.running[run.label][1].append(metrics)
        if run.configuration == self.base and not run.on_fold:
            self._baseline[metrics.epoch] = metrics.val_accuracy
        self.epochs[run.label] = metrics.epoch
        self.waiting.discard(run.label)
        if not reused:
            self._spent[run.label] += metrics.seconds
        self._changed()

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        _, curve = self.running.pop(run.label, (run, []))
        self._before.pop(run.label, None)
        self.epochs.pop(run.label, None)
        self.waiting.discard(run.label)
        self.nodes.pop(run.label, None)
        epoch = curve[-1].epoch if curve else 0.0
        epoch = run.configuration.epochs if outcome is Outcome.COMPLETED else epoch  # a stored run tells no epochs
        self._ended[run.label] = None
        self.outcomes[outcome] += 1
        self._scores[run.label] = math.nan
        if outcome is Outcome.PAUSED:
            self.paused.add(run.label)
        self._judged.pop(run.label, None)
        part = self._folds > 1 and outcome is not Outcome.COMPLETED  # of what the score of others is a mean of
        if outcome in JUDGED and score is not None and epoch and not part:
            self._judge(run.label, run.configuration, score, epoch)
        if outcome is Outcome.COMPLETED and score is not None:
            self._scores[run.label] = score
            self._learn(curve)
            self._enter(score, run.label, run.configuration)
            if run.configuration == self.base:
                self._baseline[epoch], self._baseline_ended = score, True
        self._changed()

    @property
    def best(self) -> Best | None:
        """The run that most is expected of; of equals, the first."""
        return max(self._judged.values(), key=lambda each: each.expected, default=None)

    @property
    def baseline(self) -> float | None:
        """The score of the baseline that the best is compared with; None where it has none there."""
        best = self.best
        if best is None:
            return None
        return compared_score(best.epoch, best.completed, self._baseline, self._baseline_ended)

    @property
    def counted(self) -> int:
        return self._counted_before + sum(
            n for outcome, n in self.outcomes.items() if outcome is not Outcome.INFEASIBLE
        )

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the target is reached (`sweep.results.time_left`); None before the first run has ended."""
        return seconds_left(
            costs=[self._spent[label] for label in self._ended],
            running=[self._in_progress(run, curve) for run, curve in self.running.values()],
            to_come=max(0, self.target - self.counted - len(self.running)),
            workers=self.workers,
        )

    def _in_progress(self, run: LabelledRun, curve: list[Epoch]) -> InProgress:
        return InProgress(curve, run.configuration.epochs, run.fold, run.run.folds, self._before[run.label])

    def outlook(self) -> str:
        """What the last trials gained and which ranges end too soon, in a line; empty if that is unknown."""
        if self._study is None:
            return ""
        scores = [score for score in self._scores.values() if score is not None]
        best = [configuration.values() for *_, configuration in self._top]
        images = self._counted or self._study.scoring
        found = outlook(scores, best, self._study.drawn, images, self.base.parameters)
        return "" if found is None else "; ".join(in_words(found, lambda edge: f"{edge.name} {value(edge.value)}"))

    def comparison(self) -> str:
        """The best against the baseline, in a line."""
        if self.best is None:
            return f"no {self.noun} has a score yet"
        best = self.best
        after = so_far(best.epoch, best.configuration.epochs, best.completed)
        score = percent(best.score) + unit(self.metric)
        line = f"best {score}{after} ({best.label}: {changes_in_words(best.configuration, self.base)})"
        alone = self.baseline is None or best.configuration == self.base
        return line if alone else f"{line}, baseline {percent(self.baseline)}"

    def state(self) -> str:
        """How many runs are done and how they ended, and the time left, in a line."""
        ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()) if count)
        left = "" if not self.seconds_left else f", about {duration(self.seconds_left)} left"
        died = f"; workers that died and were replaced: {self.died} ({self._last_death})" if self.died else ""
        return f"{self.counted} of {several(self.target, self.noun)}{left}" + (f": {ended}" if ended else "") + died
