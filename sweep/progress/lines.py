"""Progress as plain lines, for logs and pipes."""

from rich.console import Console

from sweep.coordinator.watcher import LabelledRun
from sweep.progress.display import Task
from sweep.progress.tally import Tally
from sweep.runs import Epoch, Outcome
from sweep.space.differences import changes_in_words
from sweep.wording import duration, percent, plain


class Lines(Tally):
    def __init__(self, task: Task, console: Console) -> None:
        super().__init__(task)
        self._console, self._running = console, task.running

    def worker_ready(self, device: str) -> None:
        super().worker_ready(device)
        if self._running:
            self._running -= 1
        else:
            self._say(f"worker {self.ready} of {self.workers} is ready on {device}")

    def began(self, run: LabelledRun) -> None:
        verb = "resumes" if run.label in self.paused else "starts"
        super().began(run)
        self._say(f"{run.label}{run.on_fold} {verb}: {changes_in_words(run.configuration, self.base)}")

    def waits(self, run: LabelledRun) -> None:
        super().waits(run)
        self._say(f"{run.label} waits: another process trains the same run")

    def retried(self, run: LabelledRun, reason: str) -> None:
        super().retried(run, reason)
        self._say(f"{run.label} resumes in another worker: {reason}")

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        super().epoch(run, metrics, reused)
        how = "reused" if reused else duration(metrics.seconds)
        self._say(
            f"{run.label}{run.on_fold} epoch {metrics.epoch:g} of {run.configuration.epochs}: "
            f"loss {metrics.loss:.4f}, {run.measure} {percent(metrics.val_accuracy)} ({how})"
        )

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        super().ended(run, outcome, reason, score)
        self._say_end(run.label, outcome, reason, score)

    def infeasible(self, label: str, reason: str) -> None:
        super().infeasible(label, reason)
        self._say_end(label, Outcome.INFEASIBLE, reason, None)

    def _say_end(self, label: str, outcome: Outcome, reason: str, score: float | None) -> None:
        why = f" ({reason})" if reason else ""
        self._say(f"{label} {outcome}{why}: {percent(score)}; {self.state()}")

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)
