"""What a dashboard says of this moment."""

import re
from dataclasses import replace
from datetime import datetime

import pytest
from samples.results import study

from reports.dashboard.now import HEIGHT, NOW, STUDIES, WIDTH, Statuses
from reports.pages.html import section_html
from sweep.results.status import Status, TrialSoFar
from sweep.runs import Epoch, Outcome
from sweep.storage.lease import Work
from sweep.system.processes import Identity

BASE = study().base
HOLDER = Identity("lab", "lab 1", 4711, 0.0)


def trial(number, *scores, outcome=Outcome.COMPLETED, **fields):
    curve = tuple(Epoch(epoch, 0.1, 0.9, 0.1, score, 2.0) for epoch, score in enumerate(scores, 1))
    ended = None if outcome is Outcome.RUNNING else datetime(2026, 1, 1, 12, number)
    configuration = BASE if number == 0 else BASE.replaced({"batch_size": 16 * number})
    began = datetime(2026, 1, 1, 12)
    made = TrialSoFar(number, outcome, "", number == 0, configuration, curve, 2.0 * len(scores), 1, began, ended)
    return replace(made, **fields)


BASELINE = trial(0, 0.95, 0.97, 0.98, 0.981, 0.982)
RUNNING = trial(3, 0.96, 0.975, outcome=Outcome.RUNNING)
EMPTY = Status(study(), {}, 0, None, (), (), None, None)
IN_FULL = Status(
    study(),
    {Outcome.COMPLETED: 2, Outcome.RUNNING: 1, Outcome.FAILED: 1, Outcome.DIVERGED: 2},
    5,
    HOLDER,
    (RUNNING,),
    (trial(2, 0.985), trial(1, outcome=Outcome.FAILED, reason="no memory"), BASELINE),
    trial(2, 0.985),
    BASELINE,
)


CONFIRMED = replace(EMPTY, holder=HOLDER, counted=12, work=Work.CONFIRMATION)


def said(element, subject):
    """The text of an element, a cell or a line each."""
    text = re.sub(r"<[^>]*>", "\n", section_html(element, subject)).replace("\N{NO-BREAK SPACE}", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (EMPTY, "Not running. sweep run quickstart starts the study."),
        (replace(EMPTY, holder=HOLDER), "Process 4711 on lab is running this study. No trial is in progress."),
        (
            IN_FULL,
            (
                "Process 4711 on lab is running this study: 1 trial in progress, about 30 s left if trials take as "
                "long as the last ones."
            ),
        ),
        (
            replace(EMPTY, holder=HOLDER, counted=12, work=Work.CONFIRMATION),
            (
                "Process 4711 on lab is running this study: the best trials and the baseline train on fresh seeds, for "
                "a confirmation."
            ),
        ),
        (
            replace(EMPTY, holder=HOLDER, counted=12, work=Work.ABLATION),
            (
                "Process 4711 on lab is running this study: the recommended network trains with each change reverted, "
                "for an ablation."
            ),
        ),
        (
            replace(EMPTY, holder=HOLDER, counted=12, work=Work.EXPORT),
            "Process 4711 on lab is running this study: the network to export trains on all training images.",
        ),
        (
            replace(IN_FULL, holder=None),
            "The process running this study stopped unexpectedly. sweep run quickstart resumes its 1 trial.",
        ),
        (
            replace(EMPTY, counted=12, outcomes={Outcome.COMPLETED: 12}),
            "All planned trials are done. sweep report quickstart writes this page as a file.",
        ),
    ],
)
def test_it_shows_whether_a_process_runs_the_study(status, sentence):
    assert " ".join(said(NOW, status)).startswith(f"Now {sentence}")


def test_a_running_trial_is_compared_with_the_baseline_after_as_many_epochs():
    lines = said(NOW, IN_FULL)
    at = lines.index("3", lines.index("Trials in progress"))
    assert lines[at : at + 6] == ["3", "2 of 5", "97.50 %", "+0.50", "4.0 s", "batch size 48"]


def test_curves_stay_in_their_box_and_the_last_place_has_a_dot():
    html = section_html(
        NOW, replace(IN_FULL, running=(RUNNING, trial(4, 0.1, float("nan"), 1.0, outcome=Outcome.RUNNING)))
    )
    drawn = re.findall(r'class="own" points="([^"]*)"', html)
    assert len(drawn) == len(re.findall(r"<circle", html)) == 2
    for x, y in (map(float, point.split(",")) for points in drawn for point in points.split()):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert [len(points.split()) for points in drawn] == [2, 2]  # what is no number is left out


def test_the_list_of_studies_says_how_each_is():
    studies = [IN_FULL, replace(EMPTY, counted=12), replace(IN_FULL, holder=None), EMPTY, CONFIRMED]
    lines = said(STUDIES, Statuses("sweep.db", studies))
    states = "running", "done", "stopped", "not started", "confirmation"
    assert [line for line in lines if line.startswith(states)] == [
        "running, about 30 s left",  # six to come for 4 s each, and 6 s for the one that runs
        "done",
        "stopped",
        "not started",
        "confirmation",
    ]
    assert " ".join(lines).count("5 of 12") == 2
    assert "starts one" in " ".join(said(STUDIES, Statuses("sweep.db", [])))


def rows_of_studies(*statuses):
    html = section_html(STUDIES, Statuses("sweep.db", list(statuses)))
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)[1:]
    return [re.findall(r'data-key="([^"]*)"', row) for row in rows], html


def test_the_rows_of_studies_sort_by_numbers_and_show_when_a_trial_last_began_or_ended():
    (full, empty), _ = rows_of_studies(IN_FULL, EMPTY)
    assert full[1:3] == ["running", f"{5 / 12:.10g}"]
    assert full[4:7] == ["0.985", "0.003", "3"]
    assert full[7] == "2026-01-01T12:02:00"
    assert empty[1:8] == ["not started", "0", "", "", "", "0", ""]


def test_the_climb_of_a_study_is_a_line_that_rises_in_its_box_above_its_baseline():
    climb = ((1, 0.97), (3, 0.98), (6, 0.985))
    _, html = rows_of_studies(replace(IN_FULL, climb=climb, outcomes={Outcome.COMPLETED: 8}))
    assert "best so far: 97.00" in html
    (own,), (base,) = (re.findall(rf'class="{name}" points="([^"]*)"', html) for name in ("own", "before"))
    points = [tuple(map(float, point.split(","))) for point in own.split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert len({y for _, y in points}) == 3
    assert points[-1][0] == WIDTH - 4
    assert len({point.split(",")[1] for point in base.split()}) == 1


def test_a_study_of_equal_scores_or_one_trial_has_a_climb_too():
    for climb, count in ((((1, 0.9),), 1), (((1, 1.0),), 5)):
        _, html = rows_of_studies(replace(EMPTY, climb=climb, outcomes={Outcome.COMPLETED: count}))
        assert 'class="own"' in html


def test_on_a_cluster_it_says_how_many_trials_each_node_trains_and_where_each_is():
    trials = tuple(
        replace(RUNNING, number=number, node=node) for number, node in ((3, "b"), (4, "a"), (5, "b"), (6, ""))
    )
    lines = said(NOW, replace(IN_FULL, running=trials))
    assert any(line.endswith("Trials on nodes: 1 on a and 2 on b.") for line in lines)
    assert "Node" in lines
    assert [line for line in lines if line in ("a", "b")] == ["b", "a", "b"]


def test_without_a_cluster_it_names_no_nodes():
    assert not any("node" in line.lower() for line in said(NOW, IN_FULL))
