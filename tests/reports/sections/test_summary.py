"""The opening of a study's page: tiles, chips, two sentences and the next step."""

from dataclasses import replace

import pytest
from samples.results import SPACE, confirmed, halted, result_of, rows_of, sample, shifted

from reports.blocks import Sentence
from reports.pages.html import section_html
from reports.sections import ablation, confirmation, outlook, summary
from reports.typography import NO_BREAK
from sweep.space.space import Choice, Float, Int
from sweep.storage.lease import Work

SEARCHED = result_of(rows_of(0.9756, 0.98, 0.985, 0.98, 0.98, 0.986), trials=6)


def plain(text):
    return text.replace(NO_BREAK, " ")


def said(result):
    return [plain(sentence) for sentence in summary.sentences(result)]


def tiles(result):
    """By name: number and note."""
    return {tile.name: (plain(tile.value), plain(tile.note)) for tile in summary.tiles(result)}


def test_the_tiles_tell_best_baseline_gain_trials_and_time():
    assert tiles(SEARCHED) == {
        "Best": ("98.60 %", "trial 5, on 10,000 validation images"),
        "Baseline": ("97.56 %", "trial 0. Trained on 50,000 images; the tutorial's 98.56 % took 60,000"),
        "Expected gain, points": (
            "+0.88 ± 0.53",
            "98.44 % on a fresh seed: more than chance. The +1.04 seen is partly luck: it is the best of 6 scores",
        ),
        "Trials": ("6 of 6", "6 completed, 6 min of training"),
    }


def test_a_gain_within_the_noise_is_not_called_one():
    assert "may be chance" in tiles(result_of(rows_of(0.9856, 0.9865)))["Expected gain, points"][1]


def test_a_baseline_that_is_the_best_is_one_tile_beside_the_second():
    told = tiles(result_of(rows_of(0.9856, 0.98)))
    assert told["Best"] == ("98.56 %", "the baseline itself, on 10,000 validation images")
    assert told["Gain"] == ("none", "no trial beats the baseline; second is trial 1 with 98.00 %")
    assert "Baseline" not in told
    assert tiles(result_of(rows_of(0.9856)))["Gain"] == ("none", "no other trial has a score yet")


@pytest.mark.parametrize(
    ("baseline", "note"),
    [
        ([], "not trained"),
        ([{"trial": 0, "baseline": True, "outcome": "running"}], "no score yet"),
        ([{"trial": 0, "baseline": True, "outcome": "failed", "reason": "no memory"}], "failed: no memory"),
    ],
)
def test_without_a_baseline_its_tile_says_why(baseline, note):
    told = tiles(result_of([*baseline, *rows_of(0.98, 0.99)[1:]]))
    assert told["Baseline"] == ("–", note)
    assert "Expected gain, points" not in told


@pytest.mark.parametrize(
    ("reached", "scores", "told"),
    [
        (1, {1: 0.9639}, ("96.39 %", "trial 0 after 1 of 5 epochs")),
        (3, {1: 0.9639, 2: 0.97, 3: 0.975}, ("97.00 %", "trial 0 after 2 epochs")),
        (5, {1: 0.9639, 2: 0.97, 5: 0.98}, ("97.00 %", "trial 0 after 2 epochs")),
    ],
)
def test_the_tile_and_the_terminal_show_the_same_score_of_the_baseline(reached, scores, told):
    """The best trial is paused after two epochs."""
    rows = rows_of(scores[reached], 0.985, epochs=5)
    rows[0] |= {"trained_epochs": reached, "outcome": "completed" if reached == 5 else "paused"}
    rows[1] |= {"trained_epochs": 2, "outcome": "paused"}
    curves = [(0, epoch, 0.1, 0.9, 0.1, score, 1.0) for epoch, score in scores.items()]
    found = result_of(rows, curves)
    number, note = tiles(found)["Baseline"]
    assert (number, note.split(". Trained")[0]) == told
    assert f"baseline    {number}{note.split('. Trained')[0].removeprefix('trial 0')}  the" in str(found)


def test_a_trial_that_is_not_trained_to_its_end_says_how_far_it_is():
    rows = rows_of(0.97, 0.98)
    rows[1] |= {"outcome": "paused", "trained_epochs": 2, "epochs": 5}
    told = tiles(result_of(rows))["Best"][1]
    assert told == "trial 1 after 2 of 5 epochs, on 10,000 validation images"


def test_the_tutorials_accuracy_is_explained_where_fewer_images_train_and_nowhere_else():
    few = tiles(result_of(rows_of(0.96, 0.97), train_size=10_000))["Baseline"][1]
    assert few == "trial 0. Trained on 10,000 images; the tutorial's 98.56 % took 60,000"
    assert tiles(result_of(rows_of(0.986, 0.987)))["Baseline"][1] == "trial 0"
    assert tiles(result_of(rows_of(0.86, 0.87), data="fashion-mnist"))["Baseline"][1] == "trial 0"


def test_trials_that_cannot_exist_do_not_count_and_the_bar_fills_with_those_that_do():
    rows = [*rows_of(0.97, 0.98), {"trial": 2, "outcome": "infeasible"}, {"trial": 3, "outcome": "running"}]
    (trials,) = [tile for tile in summary.tiles(result_of(rows, trials=8)) if tile.name == "Trials"]
    assert (trials.value, trials.done) == ("2 of 8", (2, 8))
    assert trials.note == "1 running, 2 completed and 1 infeasible, 4 min of training"


def test_chips_tell_each_change_and_how_many_are_left_out(monkeypatch):
    names = {"learning_rate": 3e-4, "batch_size": 32, "epochs": 9, "conv1_filters": 8, "conv2_filters": 16}
    result = result_of([{"trial": 0, "score": 0.97, "baseline": True}, {"trial": 1, "score": 0.98, **names}])
    chips = summary.chips(result)
    assert {chip.name: (chip.before, chip.after) for chip in chips}["learning rate"] == ("0.0001", "0.0003")
    assert section_html(summary.SECTION, result).count("<li>") == len(chips) == 5
    monkeypatch.setattr(summary, "MOST_CHIPS", 3)
    html = section_html(summary.SECTION, result)
    assert (html.count("<strong>") - len(summary.tiles(result)), "<li>and 2 more</li>" in html) == (3, True)


def test_a_best_trial_without_changes_has_no_chips():
    rows = rows_of(0.97, 0.98)
    rows[1]["learning_rate"] = rows[0]["learning_rate"]
    assert summary.chips(result_of(rows)) == []


def test_the_parameter_that_mattered_is_named_with_its_share():
    rows = rows_of(*(0.97 + 0.001 * (trial % 5) for trial in range(40)))
    for trial, row in enumerate(rows):
        row |= {"learning_rate": 1e-4 * (1 + trial % 5), "batch_size": (32, 64)[trial // 5 % 2]}
    space = {"learning_rate": SPACE["learning_rate"], "batch_size": Choice((32, 64))}
    assert said(result_of(rows, space=space))[0] == (
        "Learning rate mattered most: by itself, it explains 100 % of the trials' ranking."
    )


@pytest.mark.parametrize("result", [sample(0), sample(1), sample(2), sample(30), halted(20)])
def test_there_are_at_most_two_sentences(result):
    assert 1 <= len(said(result)) <= 2


def test_before_a_score_the_space_is_told():
    names = ("learning_rate", "dropout", "momentum", "weight_decay")
    space = {name: Float(0.1, 0.5) for name in names} | {
        "epochs": Int(1, 5),
        "optimizer": Choice(("sgd", "adamw")),
    }
    (only,) = said(result_of([], space=space))
    assert only.startswith("No trial has a score yet. Search space: learning rate (0.1 to 0.5), ")
    assert only.endswith("and 2 more parameters.")


UNFINISHED = [*rows_of(0.97, 0.98), {"trial": 2, "outcome": "interrupted"}]


@pytest.mark.parametrize(
    ("result", "text", "command"),
    [
        (sample(0), "Not started:", "sweep run quickstart"),
        (result_of(rows_of(0.97, 0.98), trials=6), "Not finished:", "sweep run quickstart"),
        (result_of(UNFINISHED, trials=2), "Not finished:", "sweep run quickstart"),
        (SEARCHED, "Not confirmed:", "sweep confirm quickstart"),
    ],
)
def test_one_strip_tells_the_next_step(result, text, command):
    step = summary.step(result)
    assert (step.text, step.command) == (text, command)
    assert section_html(summary.SECTION, result).count('<p class="strip">') == 1


def test_a_confirmation_is_told_with_its_time():
    """Six networks on five seeds, a minute each, then two of them on the test images: 40 runs, and a margin."""
    assert summary.step(SEARCHED).note == "about 44 min"
    few = result_of(rows_of(0.97, 0.98), trials=2, train_size=1000)
    assert summary.step(few).note == "about 11 min"


@pytest.mark.parametrize(
    "rows",
    [
        [*rows_of(0.97), {"trial": 1, "outcome": "running"}],
        [{"trial": 0, "outcome": "failed", "baseline": True}],
        rows_of(0.97),
    ],
)
def test_there_is_no_strip_while_trials_train_and_where_nothing_can_be_done(rows):
    assert summary.step(result_of(rows, trials=1)) is None


def test_a_finished_grid_is_not_told_to_continue():
    space = {"batch_size": Choice((64, 128))}
    result = result_of(rows_of(0.98, 0.99), space=space, sampler="grid", trials=12)
    assert summary.step(result).command == "sweep confirm quickstart"
    assert "Every combination has been tried" in outlook._blocks(result)[-1].text


def test_the_outlook_ends_with_how_to_use_and_how_to_continue():
    *_, export, more = [block.text for block in outlook._blocks(SEARCHED)]
    assert export == "`sweep export quickstart` writes the best configuration as TOML and as plain Keras."
    assert more == "`sweep run quickstart --trials 16` continues the search."
    kept = result_of(rows_of(0.986, 0.98, 0.97), trials=3)
    assert not [block for block in outlook._blocks(kept) if "sweep export" in block.text]


@pytest.mark.parametrize("work", [Work.CONFIRMATION, Work.SUGGESTIONS])
def test_a_confirmation_in_progress_is_told_and_no_step_is_offered(work):
    result = replace(SEARCHED, work=work)
    assert summary.step(result) is None
    shown = [block.text for block in summary.SECTION.make(result) if isinstance(block, Sentence)]
    assert shown[-1].startswith("In progress: ")
    assert [block.text for block in confirmation.SECTION.make(result)] == ["A confirmation is in progress."]


def test_an_ablation_in_progress_is_told():
    sure = confirmed(SEARCHED, {0: shifted(0, 0.1, -0.1), 5: shifted(0.9, 1, 0.8)})
    result = replace(sure, work=Work.ABLATION)
    assert [block.text for block in ablation.SECTION.make(result)] == ["An ablation is in progress."]


def test_a_search_between_two_trials_is_no_reason_to_offer_a_step():
    result = replace(SEARCHED, work=Work.SEARCH)
    assert summary.step(result) is None
    assert not any("In progress" in getattr(block, "text", "") for block in summary.SECTION.make(result))
