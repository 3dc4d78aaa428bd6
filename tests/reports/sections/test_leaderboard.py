import math
import re
from dataclasses import replace

import pytest
from samples.results import SPACE, halted, sample

from reports import labels
from reports.pages import html
from reports.sections import leaderboard
from reports.typography import NO_BREAK
from sweep.results.forecast import judged


def plain(text):
    return text.replace(NO_BREAK, " ")


@pytest.fixture(scope="module")
def text():
    return html.render(sample(40, seed=3))


def test_every_number_in_the_leaderboard_is_in_the_frame(text):
    frame = sample(40, seed=3).frame.set_index("trial")
    body = re.search(r'<section id="leaderboard".*?</section>', text, re.DOTALL).group(0)
    heads = [plain(re.sub("<.*?>", "", head)) for head in re.findall(r"<th scope=\"col\".*?</th>", body)]
    rows = [re.findall(r'data-key="(.*?)"', row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)][1:]
    assert len(rows) == frame["score"].notna().sum()
    columns = {"Parameters": "parameters", "FLOPs": "flops", "Time": "seconds", "Epochs": "trained_epochs"}
    columns |= {labels.label(name): name for name in SPACE}
    for keys in rows:
        said = dict(zip(heads, keys, strict=True))
        trial = frame.loc[int(said["Trial"])]
        assert float(said["Accuracy"]) == pytest.approx(100 * trial["score"])
        difference = math.nan if said["vs baseline"] == "" else float(said["vs baseline"])
        if said["Trial"] == "0":
            assert difference == 0
        else:
            assert difference == pytest.approx(100 * trial["difference"], abs=1e-9, nan_ok=True)
        assert {head: float(said[head]) for head in columns} == pytest.approx(
            {head: float(trial[name]) for head, name in columns.items()}
        )
    completed = [frame.loc[int(keys[0]), "outcome"] == "completed" for keys in rows]
    assert completed == sorted(completed, reverse=True)
    scores = [frame.loc[int(keys[0]), "score"] for keys in rows][: sum(completed)]
    assert scores == sorted(scores, reverse=True)
    assert 0 < sum(completed) < len(completed)


def test_paused_trials_stand_below_completed_ones_beside_those_that_came_as_far():
    result = halted(30)
    result = replace(result, frame=judged(result.frame, result.curves, result.study.validation))
    (table,) = leaderboard._blocks(result)
    frame = result.frame.set_index("trial")
    shown = frame.loc[[int(row.keys[0]) for row in table.rows]]
    assert len(shown) == 30
    assert shown["trained_epochs"].is_monotonic_decreasing  # the completed have five epochs, the first rung a quarter
    for _, rung in shown.groupby("trained_epochs"):
        assert rung["score"].is_monotonic_decreasing
    assert [row.mark.endswith("unfinished") for row in table.rows] == (shown["outcome"] != "completed").tolist()
    beside = shown[~shown["baseline"]]
    curve = result.curves[result.curves["trial"] == 0].set_index("epoch")["val_accuracy"]
    expected = beside["score"] - beside["trained_epochs"].map(curve)
    assert beside["difference"].tolist() == pytest.approx(expected.tolist(), nan_ok=True)


def test_learning_rate_batch_size_and_the_first_of_the_space_are_shown_however_little_they_explain():
    varied = ["dropout", "conv1_filters", "conv2_filters", "momentum", "dense_units", "learning_rate", "batch_size"]
    space = ["dense_units", "learning_rate", "batch_size", "dropout", "conv1_filters", "conv2_filters", "momentum"]
    shown = ["learning_rate", "batch_size", "dense_units", "dropout", "conv1_filters"]
    assert leaderboard._shown(varied, space) == shown
    assert leaderboard._shown(["dropout"], ["dropout"]) == ["dropout"]


def test_a_study_in_folds_says_how_many_have_scored_each_trial():
    usual = sample(6, seed=3)
    frame = usual.frame.assign(folds=[5, 5, 2, 5, 5, 5])
    result = replace(usual, study=usual.study.replaced(folds=5, validation={"folds": 12_000}), frame=frame)
    text = plain(html.render(result))
    heads = [head.text for head in leaderboard._heads([], result)]
    assert heads[heads.index("Epochs") + 1] == "Folds"
    assert "Folds" not in [head.text for head in leaderboard._heads([], usual)]
    rows = leaderboard.values(result)
    assert sorted(rows["folds"]) == [2, 5, 5, 5, 5, 5]
    assert "5 folds of 12,000 validation images: their mean" in text
