"""Progress as plain lines, for logs and pipes."""

from rich.console import Console

from sweep.coordinator.watcher import LabelledRun
from sweep.progress.tally import Tally
from sweep.runs import Epoch, Outcome
from sweep.space.differences import changes_in_words
from sweep.wording import duration, percent, plain


class Lines:
    def __init__(self, tally: Tally, console: Console) -> None:
        self.tally = tally
        self._console = console

    def worker_ready(self, device: str) -> None:
        self.tally.ready += 1
        self._say(f"worker {self.tally.ready} of {self.tally.workers} is ready on {device}")

    def began(self, run: LabelledRun) -> None:
        verb = "resumes" if run.label in self.tally.paused else "begins"
        self.tally.begin(run)
        self._say(f"{run.label} {verb}: {changes_in_words(run.configuration, self.tally.base)}")

    def progress(self, run: LabelledRun, epochs: float) -> None: ...

    def retried(self, run: LabelledRun, reason: str) -> None:
        self.tally.lose_worker()
        self._say(f"{run.label} resumes in another worker: {reason}")

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        self.tally.epoch(run, metrics, reused)
        how = "reused" if reused else duration(metrics.seconds)
        self._say(
            f"{run.label} epoch {metrics.epoch:g} of {run.configuration.epochs}: "
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
