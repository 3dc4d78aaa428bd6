import io
import math
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from samples import studies as test_coordinator
from samples.results import result_of, rows_of
from samples.studies import study_of

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.batch import Batch
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import Split
from sweep.engines.scripted import ScriptedEngine
from sweep.engines.supervised import Supervised
from sweep.progress.console import ConsoleDisplay
from sweep.progress.display import Task
from sweep.progress.lines import Lines
from sweep.progress.notebook import NotebookDisplay, in_a_notebook
from sweep.progress.table import BARS, LiveTable, sparkline
from sweep.progress.tally import Tally
from sweep.runs import Epoch, Outcome, Run
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.space.space import Choice
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import checkpoint_folder
from sweep.storage.store import Store


def console_of(width: int = 120, **options) -> Console:
    return Console(file=io.StringIO(), width=width, **options)


def printed(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()


def trial_of(number: int, **values) -> LabelledRun:
    return LabelledRun(f"trial {number}", Run(Configuration().replaced(values), 0, "mnist", "digest", Split()))


def task_of(target: int = 5, workers: int = 2, **fields) -> Task:
    return Task(Configuration(), target, workers, **fields)


def tally_of(target: int = 5, **fields) -> Tally:
    return Tally(task_of(target, **fields))


# -- words


def test_a_configuration_is_told_by_changes_in_words():
    assert changes_in_words(Configuration(), Configuration()) == "the baseline"
    assert changes_in_words(Configuration(optimizer="sgd", batch_size=64), Configuration()) == (
        "batch_size 64, optimizer sgd, momentum 0.9"
    )


@given(st.lists(st.floats(0, 1) | st.just(math.nan)), st.integers(1, 20))
def test_a_sparkline_has_a_bar_for_each_of_its_last_numbers(values, width):
    numbers = [value for value in values if value == value][-width:]
    line = sparkline(values, width)
    assert len(line) == len(numbers)
    assert set(line) <= set(BARS)
    if numbers and max(numbers) > min(numbers):
        assert line[numbers.index(min(numbers))] == BARS[0]
        assert line[numbers.index(max(numbers))] == BARS[-1]


def test_a_sparkline_of_equal_numbers_lies_flat():
    assert sparkline([0.5, 0.5, 0.5]) == BARS[0] * 3
    assert sparkline([]) == ""


def table_of(tally: Tally) -> list[str]:
    console = console_of(width=200)
    console.print(LiveTable(tally))
    return printed(console)


def test_the_table_says_who_waits_for_another_process_and_which_node_of_a_cluster_trains_what():
    tally, first, second = tally_of(), trial_of(0), trial_of(1, batch_size=64)
    trained(tally, first, 2.0)
    trained(tally, second)
    assert "node" not in table_of(tally)[0]
    tally.placed(first, "moon")
    tally.waits(second)
    heads, one, other, *_ = table_of(tally)
    assert "node" in heads.split()
    assert (one.split()[2], "moon" in one) == ("1.0/5", True)
    assert other.split()[2] == "waits"
    tally.progress(second, 0.5)
    tally.ended(first, Outcome.COMPLETED, "", 0.9)
    heads, other, *_ = table_of(tally)
    assert "node" not in heads
    assert other.split()[2] == "0.5/5"


# -- what is counted


def trained(tally: Tally, run: LabelledRun, *seconds: float, reused: bool = False) -> None:
    """Begins a run and gives it epochs that took so long."""
    tally.began(run)
    for epoch, each in enumerate(seconds, 1):
        tally.epoch(run, Epoch(epoch, 0.1, 0.9, 0.1, 0.9, each), reused)


def test_the_time_left_is_told_from_what_ended_runs_cost_and_the_pace_of_those_in_progress():
    tally = tally_of(target=5, workers=1)
    trained(tally, trial_of(0), 2.0, 2.0, 2.0, 2.0, 2.0)
    assert tally.seconds_left is None
    tally.ended(trial_of(0), Outcome.COMPLETED, "", 0.9)
    assert tally.seconds_left == 40
    tally.infeasible("trial 1", "its network cannot exist")
    assert tally.seconds_left == 40
    trained(tally, trial_of(2), 4.0)
    assert tally.seconds_left == 3 * 10 + 4 * 4.0
    tally.ended(trial_of(2), Outcome.FAILED, "", None)
    assert tally.seconds_left == 3 * 7
    assert tally.state() == "2 of 5 trials, about 21 s left: 1 completed, 1 failed, 1 infeasible"


def test_what_was_reused_cost_nothing():
    tally = tally_of(target=2)
    trained(tally, trial_of(0), 2.0, 2.0, reused=True)
    tally.ended(trial_of(0), Outcome.COMPLETED, "", 0.9)
    assert tally.seconds_left == 0


def test_trials_of_earlier_calls_tell_what_the_others_will_cost():
    rows = [row | {"cost": 6.0} for row in rows_of(0.8, 0.9, 0.7)]
    tally = tally_of(target=10, workers=2, before=result_of(rows))
    assert tally.seconds_left == 7 * 6 / 2
    trained(tally, trial_of(3), 10.0)
    tally.ended(trial_of(3), Outcome.PAUSED, "", 0.9)
    assert tally.counted == 4
    assert tally.seconds_left == 6 * (3 * 6 + 10) / 4 / 2
    trained(tally, trial_of(3), 10.0)  # it resumes: what it cost before is a part of its cost
    tally.ended(trial_of(3), Outcome.COMPLETED, "", 0.9)
    assert tally.seconds_left == 6 * (3 * 6 + 20) / 4 / 2


def test_a_trial_in_progress_is_to_be_trained_on_all_folds():
    tally, seconds = tally_of(target=4, workers=1), [2.0] * 5
    trained(tally, trial_of(1), *seconds)
    tally.ended(trial_of(1), Outcome.PAUSED, "", 0.9)
    first = LabelledRun("trial 0", replace(trial_of(0).run, split=Split(folds=3, fold=1)))
    trained(tally, first, *seconds)
    assert tally.seconds_left == 2 * 10 + 2 * 10
    second = LabelledRun("trial 0", first.run.on_fold(2))
    trained(tally, second)
    assert tally.seconds_left == 2 * 10 + 2 * 10
    tally.epoch(second, Epoch(1, 0.1, 0.9, 0.1, 0.9, 8.0), reused=False)
    pace = (5 * 2.0 + 8.0) / 6
    assert tally.seconds_left == pytest.approx(2 * 10 + pace * (4 + 5))
    trained(tally, LabelledRun("trial 0", first.run.on_fold(3)), *seconds)
    assert tally.seconds_left == 2 * 10
    tally.ended(second, Outcome.COMPLETED, "", 0.9)
    assert tally.seconds_left == 2 * (10 + 10 + 8 + 10) / 2


def test_nothing_is_left_where_the_target_is_reached():
    tally = tally_of(target=1)
    tally.ended(trial_of(0), Outcome.COMPLETED, "", 0.9)
    assert tally.seconds_left is None


def test_a_study_that_resumes_remembers_its_best_its_baseline_and_its_count():
    rows = [
        *rows_of(0.8, 0.9),
        {"trial": 2, "outcome": "infeasible"},
        {"trial": 3, "outcome": "interrupted", "score": 0.5, "trained_epochs": 1},
        {"trial": 4, "outcome": "failed"},
    ]
    tally = tally_of(before=result_of(rows))
    assert tally.counted == 3
    assert tally.baseline == 0.8
    assert (tally.best.score, tally.best.label) == (0.9, "trial 1")
    assert tally.best.configuration == Configuration(learning_rate=2e-4)
    assert tally.comparison() == "best 90.00 % (trial 1: learning_rate 0.0002), baseline 80.00 %"


def test_a_study_without_a_completed_trial_is_remembered_too():
    for rows in ([], [{"trial": 0, "outcome": "failed", "baseline": True}]):
        tally = tally_of(before=result_of(rows))
        assert (tally.best, tally.baseline, tally.counted) == (None, None, len(rows))
        assert tally.comparison() == "no trial has a score yet"


def test_a_trial_that_failed_is_neither_the_best_nor_the_baseline():
    tally = tally_of()
    tally.ended(trial_of(0), Outcome.DIVERGED, "", 0.99)
    assert (tally.best, tally.baseline) == (None, None)
    tally.ended(trial_of(2, batch_size=32), Outcome.COMPLETED, "", 0.5)
    tally.ended(trial_of(3, batch_size=16), Outcome.COMPLETED, "", 0.5)
    assert (tally.best.score, tally.best.label) == (0.5, "trial 2")
    assert tally.comparison() == "best 50.00 % (trial 2: batch_size 32)"


def test_a_paused_trial_is_the_best_if_more_is_expected_of_it_and_compared_at_its_epoch():
    tally = tally_of()
    for run, outcome, scores in (
        (trial_of(0), Outcome.COMPLETED, (0.9, 0.95, 0.96, 0.965, 0.97)),
        (trial_of(1, batch_size=64), Outcome.PAUSED, (0.8,)),
        (trial_of(2, batch_size=32), Outcome.PAUSED, (0.97,)),
    ):
        tally.began(run)
        for epoch, score in enumerate(scores, start=1):
            tally.epoch(run, Epoch(epoch, 0.1, 0.9, 0.1, score, 1.0), reused=False)
        tally.ended(run, outcome, "", scores[-1])
    expected = "best 97.00 % after 1 of 5 epochs (trial 2: batch_size 32), baseline 90.00 %"
    assert tally.comparison() == expected


def test_a_best_trial_that_resumes_and_fails_gives_its_place_back():
    tally = tally_of()
    for run, score in ((trial_of(1, batch_size=64), 0.95), (trial_of(2, batch_size=32), 0.97)):
        tally.began(run)
        tally.epoch(run, Epoch(1, 0.1, 0.9, 0.1, score, 1.0), reused=False)
        tally.ended(run, Outcome.PAUSED, "", score)
    assert tally.best.label == "trial 2"
    tally.began(trial_of(2, batch_size=32))
    tally.ended(trial_of(2, batch_size=32), Outcome.DIVERGED, "", 0.1)
    assert tally.best.label == "trial 1"


# -- plain lines


def shown_by(watcher, storage: str, monkeypatch) -> None:
    """A whole study, with a trial that fails, one that diverges and some that cannot exist."""
    monkeypatch.setattr(test_coordinator, "SilentWatcher", lambda: watcher)

    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        if configuration.batch_size == 32:
            return RuntimeError("out of [luck]")
        return math.nan if configuration.batch_size == 64 else 0.9 + epoch / 100

    space = {"batch_size": Choice((32, 64, 128)), "conv2_kernel_size": Choice((5, 20)), "epochs": Choice((2,))}
    study = study_of(space, sampler="grid", trials=3, base={"epochs": 2})
    test_coordinator.run(study, storage, ScriptedEngine(curve, workers=2))


def test_plain_lines_tell_each_event_once(storage, monkeypatch):
    console = console_of()
    shown_by(Lines(task_of(target=3), console), storage, monkeypatch)
    lines = [line.partition(", about ")[0] for line in printed(console)]
    assert lines[:2] == ["worker 1 of 2 is ready on a script", "worker 2 of 2 is ready on a script"]
    assert [line for line in lines if line.startswith("trial 0")][:3] == [
        "trial 0 starts: epochs 2",
        "trial 0 epoch 1 of 2: loss 0.0943, validation accuracy 91.00 % (1.0 s)",
        "trial 0 epoch 2 of 2: loss 0.0834, validation accuracy 92.00 % (1.0 s)",
    ]
    assert "trial 1 starts: batch_size 32, epochs 2" in lines
    assert any(line.startswith("trial 0 completed: 92.00 %;") for line in lines)
    assert any(line.startswith("trial 1 failed (RuntimeError: out of [luck]): –;") for line in lines)
    assert any("infeasible (conv block 2: a 20x20 kernel does not fit its 12x12 input): –;" in line for line in lines)
    assert any("epoch 1 of 2: loss nan, validation accuracy – (1.0 s)" in line for line in lines)
    assert any("diverged (the loss was not finite): –; 3 of 3 trials" in line for line in lines)


def test_an_epoch_that_was_known_already_says_so():
    console = console_of()
    lines = Lines(task_of(), console)
    lines.running["trial 0"] = (trial_of(0), [])
    lines.epoch(trial_of(0), Epoch(1, 0.1, 0.9, 0.1, 0.97, 8.0), reused=True)
    assert printed(console) == ["trial 0 epoch 1 of 5: loss 0.1000, validation accuracy 97.00 % (reused)"]


def test_a_run_outside_of_a_search_has_a_label_and_a_measure_of_its_own(storage):
    console = console_of()
    lines = Lines(task_of(1, noun="seed"), console)
    engine, folder = Supervised(ScriptedEngine(lambda *_: 0.9)), Checkpoints(checkpoint_folder(storage), keep=0)
    with Store.open(storage) as store, ActiveRuns(store, engine, folder, lines, {}) as runs:
        batch = Batch(store, runs, threading.Event())
        tested, scored = (Run(Configuration(epochs=1), 3, "mnist", "digest", split) for split in (None, Split()))
        batch.train([LabelledRun("seed 3, sealed test", tested), LabelledRun("seed 3 of trial 7", scored)])
    assert "seed 3, sealed test epoch 1 of 1: loss 0.1054, test accuracy 90.00 % (1.0 s)" in printed(console)
    assert "seed 3 of trial 7 epoch 1 of 1: loss 0.1054, validation accuracy 90.00 % (1.0 s)" in printed(console)


def test_a_line_is_never_broken_and_never_coloured():
    console = console_of(width=20, force_terminal=True, color_system="truecolor")
    Lines(task_of(), console).began(trial_of(1, batch_size=64, learning_rate=0.001, optimizer="sgd"))
    assert printed(console) == [
        "trial 1 starts: learning_rate 0.001, batch_size 64, optimizer sgd, momentum 0.9",
    ]


# -- the live table


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_table_fits_whatever_the_width(width):
    console = console_of(width=width)
    tally = tally_of(target=1000)
    tally.worker_ready("CPU")
    everything = {"optimizer": "sgd", "batch_size": 64, "extra_blocks": 3, "conv5_filters": 7, "rescale": True}
    for number in (0, 12):
        tally.began(trial_of(number, **(everything if number else {})))
        for epoch in range(1, 5):
            tally.epoch(trial_of(number), Epoch(epoch, 0.3, 0.8, 0.2, 0.9 + epoch / 100, 1.0), reused=False)
    tally.ended(trial_of(3), Outcome.COMPLETED, "", 0.97)
    console.print(LiveTable(tally))
    lines = printed(console)
    assert all(len(line) <= width for line in lines)
    assert sum("4.0/5" in line and "▁▃▆█" in line and "94.00 %" in line for line in lines) == 2
    assert any(line.rstrip().endswith("…") for line in lines)
    assert len(lines) <= 6
    assert "best 97.00 %" in "\n".join(lines)


def test_the_table_shows_the_part_of_an_epoch_that_is_done():
    console, tally = console_of(), tally_of()
    table = LiveTable(tally)
    tally.began(trial_of(3))
    tally.progress(trial_of(3), 0.62)
    console.print(table)
    tally.epoch(trial_of(3), Epoch(1, 0.3, 0.8, 0.2, 0.9, 1.0), reused=False)
    tally.progress(trial_of(3), 1.35)
    console.print(table)
    tally.ended(trial_of(3), Outcome.COMPLETED, "", 0.9)
    tally.began(trial_of(3))
    console.print(table)
    assert [word for line in printed(console) for word in line.split() if word.endswith("/5")] == [
        "0.6/5", "1.4/5", "0.0/5",
    ]  # fmt: skip


def test_only_a_run_of_the_base_configuration_is_called_the_baseline():
    tally = tally_of(1, noun="run")
    run = trial_of(0, learning_rate=0.001)
    tally.began(run)
    tally.ended(run, Outcome.COMPLETED, "", 0.98)
    assert tally.comparison() == "best 98.00 % (trial 0: learning_rate 0.001)"
    tally.ended(trial_of(1), Outcome.COMPLETED, "", 0.97)
    assert tally.comparison() == "best 98.00 % (trial 0: learning_rate 0.001), baseline 97.00 %"
    tally.ended(trial_of(2), Outcome.COMPLETED, "", 0.99)
    assert tally.comparison() == "best 99.00 % (trial 2: the baseline)"


def test_a_worker_that_died_is_told_in_lines_and_counted_in_the_table():
    console = console_of()
    Lines(task_of(), console).retried(trial_of(3), "its worker was killed by SIGKILL")
    assert printed(console) == ["trial 3 resumes in another worker: its worker was killed by SIGKILL"]
    tally = tally_of()
    tally.retried(trial_of(3), "its worker was killed by SIGKILL")
    why = "last trial 3: its worker was killed by SIGKILL"
    assert tally.state() == f"0 of 5 trials; workers that died and were replaced: 1 ({why})"


def test_the_table_says_that_workers_are_starting_before_anything_runs():
    console = console_of()
    console.print(LiveTable(tally_of()))
    assert any("2 workers are starting" in line for line in printed(console))
    console = console_of()
    console.print(LiveTable(tally_of(1, workers=1)))
    assert any("1 worker is starting" in line for line in printed(console))
    assert any("no trial has a score yet" in line for line in printed(console))


def test_a_terminal_gets_a_table_that_is_gone_afterwards_and_a_pipe_gets_lines(storage, monkeypatch):
    pipe = console_of()
    with ConsoleDisplay(pipe).watching(task_of()) as watcher:
        assert isinstance(watcher, Lines)
    terminal = console_of(force_terminal=True, width=100)
    with ConsoleDisplay(terminal).watching(task_of(target=3)) as watcher:
        assert isinstance(watcher, Tally)
        assert not isinstance(watcher, Lines)
        shown_by(watcher, storage, monkeypatch)
    assert watcher.state().startswith("3 of 3 trials")
    assert "\x1b[?25h" in terminal.file.getvalue()  # the cursor is shown again


def test_a_download_is_one_line_in_a_pipe_and_a_bar_on_a_terminal():
    pipe, terminal = console_of(), console_of(force_terminal=True)
    for console in (pipe, terminal):
        with ConsoleDisplay(console).downloading() as progress:
            progress("mnist.npz", 0, 100)
            progress("mnist.npz", 50, 100)
            progress("mnist.npz", 100, None)
    assert printed(pipe) == ["mnist.npz"]
    assert "mnist.npz" in terminal.file.getvalue()


# -- a notebook


def test_a_notebook_gets_one_output_that_is_replaced(storage, monkeypatch):
    shown: list[tuple[str, dict[str, str]]] = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(("update", bundle))

    def display(bundle, raw, display_id):
        shown.append(("new", bundle))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("sweep.progress.notebook.REFRESH_SECONDS", 0.0)
    with NotebookDisplay().watching(task_of(target=3)) as watcher:
        shown_by(watcher, storage, monkeypatch)
    how, bundles = zip(*shown, strict=True)
    assert how == ("new", *["update"] * (len(how) - 1))
    assert "2 workers are starting" in bundles[0]["text/plain"]
    assert any(
        "1.0/2" in bundle["text/plain"] and "changes to the baseline" in bundle["text/plain"] for bundle in bundles
    )
    assert all(bundle["text/html"].startswith("<pre") for bundle in bundles)
    assert "3 of 3 trials" in bundles[-1]["text/plain"]
    assert "starting" not in bundles[-1]["text/plain"]
    with NotebookDisplay().downloading() as progress:
        progress("mnist.npz", 5_200_000, 11_500_000)
    NotebookDisplay().note("hello\x1b[2J")
    assert [bundle["text/plain"] for _, bundle in shown[-2:]] == ["mnist.npz: 5.2 of 11.5 MB\n", "hello\\x1b[2J\n"]


def test_a_script_is_no_notebook():
    assert not in_a_notebook()


def test_a_pipe_is_told_at_once_that_workers_start():
    console = console_of()
    with ConsoleDisplay(console).watching(Task(Configuration(), 3, 2)) as watcher:
        assert printed(console) == ["starting up to 2 workers; each imports TensorFlow first"]
        watcher.worker_ready("CPU")
        assert printed(console)[1:] == ["worker 1 of 2 is ready on CPU"]


def test_a_pipe_is_told_only_of_workers_that_start():
    console = console_of()
    with ConsoleDisplay(console).watching(Task(Configuration(), 3, 2, running=2)) as watcher:
        for _ in range(2):
            watcher.worker_ready("CPU")
        assert printed(console) == []
        watcher.retried(trial_of(1), "its worker died")
        watcher.worker_ready("CPU")
        assert printed(console)[-1] == "worker 2 of 2 is ready on CPU"
