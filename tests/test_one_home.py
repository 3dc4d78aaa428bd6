"""The same idea has the same words and numbers wherever a reader meets it."""

import re
import tomllib
from datetime import datetime

import pytest
from samples.results import confirmed, result_of, shifted, study
from samples.studies import run, study_of

from reports.comparison import overview
from reports.dashboard.now import NOW
from reports.pages.html import section_html
from reports.sections import stories, summary
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import Split
from sweep.engines.scripted import ScriptedEngine
from sweep.exports.folder import as_toml
from sweep.progress.display import Task
from sweep.progress.tally import Tally
from sweep.results.noise import noise_of_difference
from sweep.results.outlook import look_ahead
from sweep.results.status import Status, StatusReader, TrialSoFar
from sweep.runs import Epoch, Outcome, Run
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.system.processes import Identity
from sweep.wording import duration, percent, points


def scored(*scores, **fields):
    """A study of so many completed trials, the first of them its baseline."""
    rows = [
        {"trial": trial, "score": score, "baseline": trial == 0, **Configuration(batch_size=128 + trial).values()}
        for trial, score in enumerate(scores)
    ]
    return result_of(rows, **fields)


@pytest.mark.parametrize("scores", [(0.985, 0.99), (0.0, 0.5), (0.985, 0.98, 0.99, 0.992)])
def test_a_search_has_the_same_gain_in_the_terminal_on_the_page_and_in_a_comparison(scores):
    found = scored(*scores, validation=1000)
    told, reached = points(found.gain.difference, found.gain.noise), percent(found.gain.accuracy)
    assert found.gain.difference <= found.gain.seen
    said = f"{reached} on a fresh seed, {told} percentage points over the baseline"
    assert f"expected    {said}" in str(found)
    tile = next(tile for tile in summary.tiles(found) if tile.name == "Expected gain, points")
    assert tile.value == told
    assert tile.note.startswith(f"{reached} on a fresh seed")
    row = overview._row(overview.table([found]).to_dict("records")[0])
    assert told in re.sub(r"\s", " ", str(row.cells[3]))


def test_of_equals_no_gain_is_said():
    """The baseline is the best itself."""
    assert "expected" not in str(scored(1.0, 1.0))


def test_what_the_best_trial_may_gain_is_not_said_beside_what_its_confirmation_has_shown():
    found = scored(0.985, 0.988, 0.99)
    assert "expected" not in str(confirmed(found, {0: shifted(0, 0.1, -0.1), 2: shifted(0.5, 0.6, 0.4)}))
    assert "expected" in str(confirmed(found, {0: shifted(0, 0.1, -0.1), 1: shifted(0.3, 0.4, 0.2)}))


def test_the_outlook_calls_noise_what_the_summary_does():
    found = scored(0.99, 0.99, validation=1000)
    assert look_ahead(found.study, found.frame).noise == noise_of_difference(0.99, 0.99, 1000)


def test_a_trials_story_and_its_export_give_the_same_configuration():
    """A pool's stride that stays while its size changes has to be told: else it would follow the size."""
    configuration = Configuration().replaced({"pool1_size": 3, "pool1_stride": 2})
    found = result_of([{"trial": 0, "score": 0.9, "baseline": True, **configuration.values()}])
    written = stories.story(found, 0).toml
    assert Configuration().replaced(tomllib.loads(written)) == configuration
    assert as_toml(found, 0).endswith(written)


def test_the_terminal_and_the_dashboard_tell_the_same_time_left():
    """Of a study of ten trials on two workers: two have ended, two are in progress."""
    base = Configuration(epochs=4)
    curves = [[3.0] * 4, [2.0, 2.5], [4.0, 4.0], []]  # seconds of each epoch
    points = [[Epoch(epoch, 0.1, 0.9, 0.1, 0.9, each) for epoch, each in enumerate(curve, 1)] for curve in curves]
    tally = Tally(Task(base, target=10, workers=2))
    trials = []
    for number, curve in enumerate(points):
        run = LabelledRun(f"trial {number}", Run(base, 0, "mnist", "digest", Split()))
        tally.began(run)
        for each in curve:
            tally.epoch(run, each, reused=False)
        outcome = (Outcome.COMPLETED, Outcome.PAUSED, Outcome.RUNNING, Outcome.RUNNING)[number]
        if outcome is not Outcome.RUNNING:
            tally.ended(run, outcome, "", 0.9)
        ended = None if outcome is Outcome.RUNNING else datetime(2026, 1, 1, 12, number)
        cost = sum(curves[number])
        trials.append(TrialSoFar(number, outcome, "", False, base, tuple(curve), cost, 1, datetime(2026, 1, 1), ended))
    status = Status(
        study=study(trials=10),
        outcomes={},
        counted=2,
        holder=Identity("lab", "lab 1", 4711, 0.0),
        running=tuple(trials[2:]),
        ended=tuple(trials[1::-1]),
        best=None,
        baseline=None,
    )
    told = duration((6 * 8.25 + 8.0 + 8.25) / 2)
    assert f"about {told} left" in tally.state()
    assert f"about {told}" in section_html(NOW, status).replace("\N{NO-BREAK SPACE}", " ")


def test_they_do_so_of_a_study_with_folds_while_it_runs(storage):
    """At each epoch of trials on three folds, beginning when one trial has ended."""
    told = []

    class Compared(Tally):
        def epoch(self, run, metrics, reused):
            super().epoch(run, metrics, reused)
            with StatusReader.open(storage) as reading:
                status = reading.status("folded")
            told.append((self.seconds_left, status.seconds_left, *(each.fold for each in status.running)))

    rates = {"learning_rate": Choice((1e-3, 2e-3, 3e-3))}
    wanted = study_of(rates, name="folded", folds=3, trials=3, pruner="none", precision="float32")
    run(wanted, storage, ScriptedEngine(), watcher=Compared(Task(wanted.base, 3, 1, study=wanted)))
    epochs = wanted.base.epochs
    assert len(told) == 3 * 3 * epochs
    assert all(terminal == pytest.approx(page) for terminal, page, *_ in told)
    assert [terminal for terminal, *_ in told] == [None] * 3 * epochs + list(range(6 * epochs - 1, -1, -1))
    assert [fold for *_, fold in told] == 3 * [*[1] * (epochs - 1), *[2] * (epochs + 1), *[3] * epochs]
