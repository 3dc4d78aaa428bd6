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

from sweep.results.outlook import TOP, in_words, outlook
from sweep.runs import UNFINISHED, Epoch, Outcome, Trial
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.wording import duration, percent, plain, several, value

if TYPE_CHECKING:
    from sweep.results.result import Result
    from sweep.study.study import Study

BARS = "▁▂▃▄▅▆▇█"


class Tally:
    """What every display needs to know: trials under way, how the others ended, and the best so far.

    `noun` and `measure` are what is counted and what it is scored by, in words; a `study` has an outlook.
    """

    def __init__(
        self,
        base: Configuration,
        target: int,
        workers: int,
        noun: str = "trial",
        measure: str = "validation accuracy",
        study: "Study | None" = None,
    ) -> None:
        self.base, self.target, self.workers = base, target, workers
        self._study = study
        self._scores: dict[int, float] = {}  # of trials that have ended; NaN where they have not completed
        self._top: list[tuple[float, int, Configuration]] = []
        self.noun, self.measure = noun, measure
        self.running: dict[int, tuple[Trial, list[Epoch]]] = {}
        self.epochs: dict[int, float] = {}  # how far each of them is, the part of an epoch included
        self.outcomes: Counter[Outcome] = Counter()
        self.paused: set[int] = set()
        self.best: tuple[float, int, Configuration] | None = None
        self.baseline: float | None = None
        self.ready = self.died = 0
        self._counted_before = 0
        self._began = time.monotonic()

    def remember(self, before: "Result") -> None:
        """Takes in what earlier calls have found, so that this one goes on counting from there."""
        frame = before.frame
        self._counted_before = int((~frame["outcome"].isin([Outcome.INFEASIBLE, *UNFINISHED])).sum())
        self.paused = set(frame.loc[frame["outcome"] == Outcome.PAUSED, "trial"])
        if (frame["outcome"] == Outcome.COMPLETED).any():
            number = before.best_trial
            self.best = before.score(number), number, before.configuration(number)
        self.baseline = before.baseline_score
        over = frame[~frame["outcome"].isin([Outcome.INFEASIBLE, *UNFINISHED])]
        over = over.assign(score=over["score"].where(over["outcome"] == Outcome.COMPLETED).astype(float))
        self._scores = dict(zip(over["trial"], over["score"], strict=True))
        top = over.dropna(subset=["score"]).nlargest(TOP, "score")
        numbers = zip(top["score"], top["trial"], strict=True)
        self._top = [(score, number, before.configuration(number)) for score, number in numbers]

    def begin(self, trial: Trial) -> None:
        self.running[trial.number] = (trial, [])
        if trial.number in self.paused:
            self.paused.remove(trial.number)
            if self.outcomes[Outcome.PAUSED]:
                self.outcomes[Outcome.PAUSED] -= 1
            else:
                self._counted_before -= 1

    def take(self, trial: Trial, outcome: Outcome, score: float | None) -> None:
        self.running.pop(trial.number, None)
        self.epochs.pop(trial.number, None)
        self.outcomes[outcome] += 1
        if outcome is Outcome.PAUSED:
            self.paused.add(trial.number)
        if outcome is not Outcome.INFEASIBLE:
            self._scores[trial.number] = math.nan
        if trial.configuration == self.base and outcome is Outcome.COMPLETED:  # runs outside of a search are all marked
            self.baseline = score
        if outcome is Outcome.COMPLETED and score is not None:
            self._scores[trial.number] = score
            top = [*self._top, (score, trial.number, trial.configuration)]
            self._top = sorted(top, key=lambda each: (-each[0], each[1]))[:TOP]
        if outcome is Outcome.COMPLETED and score is not None and (self.best is None or score > self.best[0]):
            self.best = score, trial.number, trial.configuration

    def measure_of(self, trial: Trial) -> str:
        """What a trial is scored by, in words: whoever sees test images scored is to know it."""
        return "test accuracy" if trial.run is not None and trial.run.split is None else self.measure

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
        scores = [self._scores[number] for number in sorted(self._scores)]
        best = [configuration.values() for *_, configuration in self._top]
        found = outlook(scores, best, pace, self._study.drawn, self._study.validation)
        return "" if found is None else "; ".join(in_words(found, lambda edge: f"{edge.name} {value(edge.value)}"))

    def standing(self) -> str:
        """Best against baseline, in a line."""
        if self.best is None:
            return f"no {self.noun} has completed yet"
        score, number, configuration = self.best
        line = f"best {percent(score)} ({self.noun} {number}: {changes_in_words(configuration, self.base)})"
        alone = self.baseline is None or configuration == self.base
        return line if alone else f"{line}, baseline {percent(self.baseline)}"

    def progress(self) -> str:
        ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items()) if count)
        left = "" if self.seconds_left is None else f", about {duration(self.seconds_left)} left"
        died = f"; {several(self.died, 'worker')} died, whose {self.noun}s went on" if self.died else ""
        return f"{self.counted} of {several(self.target, self.noun)}{left}" + (f": {ended}" if ended else "") + died


class Lines:
    """A line per event, for logs and pipes."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self.tally = tally
        self._console = console

    def worker_ready(self, device: str) -> None:
        self.tally.ready += 1
        self._say(f"worker {self.tally.ready} of {self.tally.workers} is ready on {device}")

    def began(self, trial: Trial) -> None:
        again = "goes on" if trial.number in self.tally.paused else "begins"
        self.tally.begin(trial)
        self._say(f"{self.tally.noun} {trial.number} {again}: {changes_in_words(trial.configuration, self.tally.base)}")

    def progress(self, trial: Trial, epochs: float) -> None: ...

    def retried(self, trial: Trial, reason: str) -> None:
        self.tally.lose_worker()
        self._say(f"{self.tally.noun} {trial.number} goes on in another worker: {reason}")

    def epoch(self, trial: Trial, metrics: Epoch, reused: bool) -> None:
        how = "known already" if reused else duration(metrics.seconds)
        self._say(
            f"{self.tally.noun} {trial.number} epoch {metrics.epoch:g} of {trial.configuration.epochs}: "
            f"loss {metrics.loss:.4f}, {self.tally.measure_of(trial)} {percent(metrics.val_accuracy)} ({how})"
        )

    def ended(self, trial: Trial, outcome: Outcome, reason: str, score: float | None) -> None:
        self.tally.take(trial, outcome, score)
        why = f" ({reason})" if reason else ""
        self._say(f"{self.tally.noun} {trial.number} {outcome}{why}: {percent(score)}; {self.tally.progress()}")

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)


class LiveTable:
    """Running trials with their curves, the best so far, what is done and what is left."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def worker_ready(self, device: str) -> None:
        self.tally.ready += 1

    def began(self, trial: Trial) -> None:
        self.tally.begin(trial)

    def progress(self, trial: Trial, epochs: float) -> None:
        self.tally.epochs[trial.number] = epochs

    def retried(self, trial: Trial, reason: str) -> None:
        self.tally.lose_worker()

    def epoch(self, trial: Trial, metrics: Epoch, reused: bool) -> None:
        self.tally.running[trial.number][1].append(metrics)
        self.tally.epochs[trial.number] = metrics.epoch

    def ended(self, trial: Trial, outcome: Outcome, reason: str, score: float | None) -> None:
        self.tally.take(trial, outcome, score)

    def __rich__(self) -> RenderableType:
        tally = self.tally
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in (tally.noun, "epoch", "curve", "accuracy"):
            table.add_column(column, no_wrap=True)
        table.add_column(_cut("what differs from the baseline"))  # the one that shrinks in a narrow terminal
        for trial, curve in tally.running.values():
            table.add_row(
                str(trial.number),
                f"{tally.epochs.get(trial.number, 0):.1f}/{trial.configuration.epochs}",
                sparkline([metrics.val_accuracy for metrics in curve]),
                percent(curve[-1].val_accuracy if curve else None),
                _cut(changes_in_words(trial.configuration, tally.base)),
            )
        if not tally.running:
            verb = "is" if tally.workers == 1 else "are"
            starting = f"{several(tally.workers, 'worker')} {verb} starting"
            table.add_row("", "", "", "", Text(starting, style="dim"))
        lines = [Text(tally.standing(), style="bold"), Text(tally.progress(), style="dim")]
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
