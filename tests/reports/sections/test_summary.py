import pytest
from samples.results import SPACE, result_of, rows_of, sample

from reports.sections import summary
from reports.typography import NO_BREAK
from sweep.space.space import Choice, Float, Int


def plain(text):
    return text.replace(NO_BREAK, " ")


def said(result):
    return [plain(sentence) for sentence in summary.sentences(result)]


def test_the_sentences_say_range_best_gain_noise_and_next_step():
    searched, best, sure, onward = said(result_of(rows_of(0.9856, 0.98, 0.99, 0.98, 0.98, 0.991), trials=6))
    assert searched == (
        "Search space: learning rate (0.0001 to 0.003), batch size (32, 64 or 128), conv 1 filters (8 to 64) "
        "and conv 1 stride (1 to 2). Trials: 6 (6 completed)."
    )
    assert best == (
        "The best is trial 5 with 99.10 % of 10,000 validation images correct, vs the baseline's 98.56 %: learning "
        "rate 0.0006 (baseline 0.0001)."
    )
    assert sure == (
        "The best of 6 scores is partly luck: expect 98.99 % on a fresh seed, +0.27 ± 0.55 percentage points over the "
        "baseline (as seen: +0.54). This gain is within chance."
    )
    assert onward == (
        "The last 2 trials raised the best score by +0.10 points, which is within the noise of single runs. Not "
        "confirmed yet: `sweep confirm quickstart` trains the best trials and the baseline again on fresh seeds. Then "
        "`sweep export quickstart` writes the best configuration as TOML and as plain Keras. `sweep run quickstart "
        "--trials 16` continues the search."
    )


def test_a_gain_within_the_noise_is_not_called_one():
    assert "This gain is within chance." in said(result_of(rows_of(0.9856, 0.9865)))[2]


def test_the_sentences_name_the_baseline_as_the_best():
    sentences = said(result_of(rows_of(0.9856, 0.98)))
    assert sentences[1].startswith("No trial beat the baseline, which is the best with 98.56 %")
    assert "export" not in " ".join(sentences)


def test_the_parameter_that_mattered_is_named_with_its_share():
    rows = rows_of(*(0.97 + 0.001 * (trial % 5) for trial in range(40)))
    for trial, row in enumerate(rows):
        row |= {"learning_rate": 1e-4 * (1 + trial % 5), "batch_size": (32, 64)[trial // 5 % 2]}
    space = {"learning_rate": SPACE["learning_rate"], "batch_size": Choice((32, 64))}
    expected = "explained best by learning rate (100 %), by itself. The other parameters explain no more than chance."
    assert expected in " ".join(said(result_of(rows, space=space)))


def test_a_best_trial_without_changes_is_named_the_same_configuration():
    rows = rows_of(0.97, 0.98)
    rows[1]["learning_rate"] = rows[0]["learning_rate"]
    assert "the same configuration, trained again." in said(result_of(rows))[1]


def test_a_finished_grid_gets_no_advice_to_continue():
    space = {"batch_size": Choice((64, 128))}
    result = result_of(rows_of(0.98, 0.99), space=space, sampler="grid", trials=2)
    assert "Every combination has been tried" in said(result)[-1]


@pytest.mark.parametrize("trials", [0, 1, 2, 3, 30])
def test_there_are_at_most_five_sentences(trials):
    assert 1 <= len(said(sample(trials))) <= 5


def test_a_long_space_is_summed_up():
    names = ("learning_rate", "dropout", "momentum", "weight_decay")
    space = {name: Float(0.1, 0.5) for name in names} | {
        "epochs": Int(1, 5),
        "optimizer": Choice(("sgd", "adamw")),
    }
    assert "and 2 more parameters. Trials: 1 of 12" in said(result_of(rows_of(0.98), space=space))[0]
