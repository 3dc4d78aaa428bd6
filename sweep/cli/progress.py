"""What a terminal shows while networks are trained: a live table, or plain lines where nobody can watch one."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sweep.coordinator.watcher import LabelledRun, trial_label
from sweep.results.outlook import TOP, in_words, outlook
from sweep.runs import UNFINISHED, Epoch, Outcome
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.wording import duration, percent, plain, several, value

if TYPE_CHECKING:
    from sweep.results.result import Result
    from sweep.study.study import Study

BARS = "▁▂▃▄▅▆▇█"


class Tally:
    """What every display needs to know: runs in progress, how the others ended, and the best so far.

    `target` is how many trials, runs or seeds there will be in all; `noun` says which of these. A `study` has an
    outlook. Runs are known by their labels.
    """

    def __init__(
        self, base: Configuration, target: int, workers: int, noun: str = "trial", study: "Study | None" = None
    ) -> None:
        self.base, self.target, self.workers, self.noun = base, target, workers, noun
        self._study = study
        self._scores: dict[str, float | None] = {}  # in order of trials; NaN: not completed, None: not ended
        self._top: list[tuple[float, str, Configuration]] = []
        self.running: dict[str, tuple[LabelledRun, list[Epoch]]] = {}
        self.epochs: dict[str, float] = {}  # how far each of them is, the finished part of an epoch included
        self.outcomes: Counter[Outcome] = Counter()
        self.paused: set[str] = set()
        self.baseline: float | None = None
        self.ready = self.died = 0
        self._counted_before = 0
        self._began = time.monotonic()

    def remember(self, before: "Result") -> None:
        """Takes in what earlier calls have found, so that this one resumes counting from there."""
        feasible = before.frame[before.frame["outcome"] != Outcome.INFEASIBLE]
        rows = zip(feasible["trial"], feasible["outcome"], feasible["score"], strict=True)
        for number, outcome, score in rows:
            label = trial_label(number)
            if outcome in UNFINISHED:
                self._scores[label] = None
                continue
            self._counted_before += 1
            self._scores[label] = score if outcome == Outcome.COMPLETED else math.nan
            if outcome == Outcome.PAUSED:
                self.paused.add(label)
            if outcome == Outcome.COMPLETED:
                self._enter(score, label, before.configuration(number))
        self.baseline = before.baseline_score

    def _enter(self, score: float, label: str, configuration: Configuration) -> None:
        """Takes a completed run in among the best, behind those of the same score."""
        self._top = sorted([*self._top, (score, label, configuration)], key=lambda each: -each[0])[:TOP]

    def begin(self, run: LabelledRun) -> None:
        self.running[run.label] = (run, [])
        self._scores.setdefault(run.label, None)
        if run.label in self.paused:
            self.paused.remove(run.label)
            if self.outcomes[Outcome.PAUSED]:
                self.outcomes[Outcome.PAUSED] -= 1
            else:
                self._counted_before -= 1

    def end(self, run: LabelledRun, outcome: Outcome, score: float | None) -> None:
        self.running.pop(run.label, None)
        self.epochs.pop(run.label, None)
        self.outcomes[outcome] += 1
        self._scores[run.label] = math.nan
        if outcome is Outcome.PAUSED:
            self.paused.add(run.label)
        if outcome is Outcome.COMPLETED and score is not None:
            self._scores[run.label] = score
            self._enter(score, run.label, run.run.configuration)
            if run.run.configuration == self.base:
                self.baseline = score

    @property
    def best(self) -> tuple[float, str, Configuration] | None:
        """Score, label and configuration of the best completed run; of equals, the first."""
        return self._top[0] if self._top else None

    def lose_worker(self) -> None:
        """Takes in that a worker died, and that another one is starting."""
        self.ready -= 1
        self.died += 1

    @property
    def counted(self) -> int:
        return self._counted_before + sum(
            n for outcome, n in self.outcomes.items() if outcome is not Outcome.INFEASIBLE
        )

    @property
    def seconds_left(self) -> float | None:
        """At the pace so far; None before the first trial has ended."""
        done = self.counted - self._counted_before
        elapsed = time.monotonic() - self._began
        return elapsed / done * (self.target - self.counted) if done else None

    def outlook(self) -> str:
        """Whether to go on, in a line; empty where nothing can be said."""
        done = self.counted - self._counted_before
        if self._study is None or not done:
            return ""
        pace = 3600 * done / (time.monotonic() - self._began)
        scores = [score for score in self._scores.values() if score is not None]
        best = [configuration.values() for *_, configuration in self._top]
        found = outlook(scores, best, pace, self._study.drawn, self._study.validation)
        return "" if found is None else "; ".join(in_words(found, lambda edge: f"{edge.name} {value(edge.value)}"))

    def comparison(self) -> str:
        """The best against the baseline, in a line."""
        if self.best is None:
            return f"no {self.noun} has completed yet"
        score, label, configuration = self.best
        line = f"best {percent(score)} ({label}: {changes_in_words(configuration, self.base)})"
        alone = self.baseline is None or configuration == self.base
        return line if alone else f"{line}, baseline {percent(self.baseline)}"

    def progress(self) -> str:
        ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()) if count)
        left = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} left"
        died = f"; workers that died and were replaced: {self.died}" if self.died else ""
        return f"{self.counted} of {several(self.target, self.noun)}{left}" + (f": {ended}" if ended else "") + died


class Lines:
    """A line per event, for logs and pipes."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self.tally = tally
        self._console = console

    def worker_ready(self, device: str) -> None:
        self.tally.ready += 1
        self._say(f"worker {self.tally.ready} of {self.tally.workers} is ready on {device}")

    def began(self, run: LabelledRun) -> None:
        verb = "resumes" if run.label in self.tally.paused else "begins"
        self.tally.begin(run)
        self._say(f"{run.label} {verb}: {changes_in_words(run.run.configuration, self.tally.base)}")

    def progress(self, run: LabelledRun, epochs: float) -> None: ...

    def retried(self, run: LabelledRun, reason: str) -> None:
        self.tally.lose_worker()
        self._say(f"{run.label} resumes in another worker: {reason}")

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        how = "reused" if reused else duration(metrics.seconds)
        self._say(
            f"{run.label} epoch {metrics.epoch:g} of {run.run.configuration.epochs}: "
            f"loss {metrics.loss:.4f}, {run.measure} {percent(metrics.val_accuracy)} ({how})"
        )

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        self.tally.end(run, outcome, score)
        self._ended(run.label, outcome, reason, score)

    def infeasible(self, label: str, reason: str) -> None:
        self.tally.outcomes[Outcome.INFEASIBLE] += 1
        self._ended(label, Outcome.INFEASIBLE, reason, None)

    def _ended(self, label: str, outcome: Outcome, reason: str, score: float | None) -> None:
        why = f" ({reason})" if reason else ""
        self._say(f"{label} {outcome}{why}: {percent(score)}; {self.tally.progress()}")

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)


class LiveTable:
    """Runs in progress with their curves, the best so far, what is done and what is left."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def worker_ready(self, device: str) -> None:
        self.tally.ready += 1

    def began(self, run: LabelledRun) -> None:
        self.tally.begin(run)

    def progress(self, run: LabelledRun, epochs: float) -> None:
        self.tally.epochs[run.label] = epochs

    def retried(self, run: LabelledRun, reason: str) -> None:
        self.tally.lose_worker()

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        self.tally.running[run.label][1].append(metrics)
        self.tally.epochs[run.label] = metrics.epoch

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        self.tally.end(run, outcome, score)

    def infeasible(self, label: str, reason: str) -> None:
        self.tally.outcomes[Outcome.INFEASIBLE] += 1

    def __rich__(self) -> RenderableType:
        tally = self.tally
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("run", "epoch", "curve", "accuracy"):
            table.add_column(column, no_wrap=True)
        table.add_column(_cut("what differs from the baseline"))  # the one that shrinks in a narrow terminal
        for run, curve in tally.running.values():
            configuration = run.run.configuration
            table.add_row(
                run.label,
                f"{tally.epochs.get(run.label, 0):.1f}/{configuration.epochs}",
                sparkline([metrics.val_accuracy for metrics in curve]),
                percent(curve[-1].val_accuracy if curve else None),
                _cut(changes_in_words(configuration, tally.base)),
            )
        if not tally.running:
            verb = "is" if tally.workers == 1 else "are"
            starting = f"{several(tally.workers, 'worker')} {verb} starting"
            table.add_row("", "", "", "", Text(starting, style="dim"))
        lines = [Text(tally.comparison(), style="bold"), Text(tally.progress(), style="dim")]
        if said := tally.outlook():
            lines.append(Text(said, style="dim"))
        return Group(table, *lines)


def _cut(text: str) -> Text:
    """A text that ends in an ellipsis where there is no room for all of it."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def sparkline(values: list[float], width: int = 12) -> str:
    """The last values as little bars, between the smallest and the largest of them."""
    values = [value for value in values if value == value][-width:]
    if not values:
        return ""
    low, high = min(values), max(values)
    steps = (len(BARS) - 1) / (high - low) if high > low else 0
    return "".join(BARS[round((value - low) * steps)] for value in values)


@contextmanager
def watching(tally: Tally, console: Console) -> Iterator["Lines | LiveTable"]:
    """A live table where the console is a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        yield Lines(tally, console)
        return
    table = LiveTable(tally)
    with Live(table, console=console, refresh_per_second=4, transient=True):
        yield table


@contextmanager
def download_bar(console: Console) -> Iterator["Download"]:
    """A progress bar that appears with the first byte of a download, if there is one."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    download = Download(bar, console)
    try:
        yield download
    finally:
        if console.is_terminal:
            bar.stop()  # elsewhere it would print an empty line


class Download:
    """Draws what `sweep.data.dataset` tells of a download; in plain lines, one per file."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._tasks: dict[str, object] = {}

    def __call__(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        if what not in self._tasks:
            if self._console.is_terminal:
                self._bar.start()
            else:
                self._console.print(what, markup=False, highlight=False)
            self._tasks[what] = self._bar.add_task(what, total=total_bytes)
        self._bar.update(self._tasks[what], completed=done_bytes, total=total_bytes)  # type: ignore[arg-type]
