import pandas as pd
import pytest
from samples.results import frame_of, result_of, rows_of, sample

from reports.comparison import opening, overview, progress, shared, studies
from reports.pages import contents, html
from reports.typography import NO_BREAK
from sweep.space.space import Choice, Float, Int

RATES = {"learning_rate": Float(1e-5, 1e-2, log=True)}
STUDIES = [
    sample(12, name="rates", space=RATES, seed=1),
    sample(30, name="filters", space={"conv1_filters": Int(8, 64, log=True)} | RATES, seed=2),
    sample(20, name="sizes", space={"batch_size": Choice((32, 64, 256))}, seed=3),
]


def said(results):
    return [sentence.replace(NO_BREAK, " ") for sentence in opening.sentences(results)]


def test_the_essence_has_one_row_per_study_the_largest_gain_first():
    table = overview.table(STUDIES)
    assert sorted(table["study"]) == ["filters", "rates", "sizes"]
    assert table["difference"].is_monotonic_decreasing
    assert [result.study.name for result in studies.in_order(STUDIES)] == table["study"].tolist()


@pytest.mark.parametrize("result", STUDIES, ids=lambda result: result.study.name)
def test_the_essence_agrees_with_the_frame(result):
    frame = result.frame
    done = frame[frame["outcome"] == "completed"]
    row = overview.table([result]).iloc[0]
    assert row["best"] == done["score"].max()
    assert row["baseline"] == frame.loc[frame["baseline"], "score"].iloc[0]
    assert row["difference"] < row["best"] - row["baseline"]
    assert (row["trials"], row["completed"]) == (len(frame), len(done))
    assert row["cost"] == pytest.approx(frame["seconds"].sum())
    ended = frame.loc[frame["trial"] == row["best_trial"], "finished"].iloc[0]
    assert row["until_best"] == pytest.approx(frame.loc[frame["finished"] <= ended, "seconds"].sum())


def test_studies_on_other_images_are_not_compared_by_accuracy():
    small = sample(12, name="small", train_size=5_000)
    assert opening.differing([small, STUDIES[0]]) == ["train_size"]
    assert said([small, STUDIES[0]])[-1].startswith("The studies differ in train size: compare the gains")
    assert not any("differ" in sentence for sentence in said(STUDIES))


def test_the_sentences_say_who_gained_and_for_whom_it_may_be_chance():
    clear = result_of(rows_of(0.97, 0.99), name="clear")
    doubtful = result_of(rows_of(0.98, 0.981), name="doubtful")
    counted, most, sure = said([doubtful, clear])
    assert counted == "2 studies with 4 trials in all, 4 min of training."
    assert most == "The largest gain expected is that of `clear`: +2.00 ± 0.52 percentage points."
    assert sure.startswith("The gain of `clear` is more than chance explains, that of `doubtful` is not.")


def test_a_distribution_ends_at_all_trials():
    table = progress.distribution(STUDIES[1])
    assert table["score"].is_monotonic_increasing
    assert table["share"].iloc[-1] == 1
    middle = table[table["share"] >= 0.5]["score"].iloc[0]
    assert (table["score"] <= middle).mean() >= 0.5


def test_gains_are_drawn_with_their_noise_around_the_baseline():
    figure = overview.chart(STUDIES)
    drawn = {}
    for trace in figure.data:
        for row, gain, margin in zip(trace["y"], trace["x"], trace.get("error_x", {}).get("array", ()), strict=False):
            drawn[figure.layout["yaxis"]["ticktext"][row]] = (gain, margin)
    table = overview.table(STUDIES).set_index("study")
    assert drawn == {
        study: (pytest.approx(100 * row["difference"], abs=1e-3), pytest.approx(100 * row["margin"], abs=1e-3))
        for study, row in table.iterrows()
    }


def test_only_parameters_that_several_searched_are_overlaid():
    assert shared.names_of(STUDIES) == ["learning_rate"]
    figure = shared.chart(STUDIES, "learning_rate")
    assert {trace["name"] for trace in figure.data} <= {"rates", "filters"}
    assert figure.layout["xaxis"]["type"] == "log"


def test_ranges_of_different_kinds_share_one_axis():
    one = sample(12, name="one", space={"batch_size": Choice((32, 512))}, seed=1)
    other = sample(12, name="other", space={"batch_size": Int(16, 128, log=True)}, seed=2)
    figure = shared.chart([one, other], "batch_size")
    assert figure.data
    assert figure.layout["xaxis"]["type"] == "log"


def test_a_list_with_a_zero_and_a_range_on_a_log_scale_share_a_plain_axis():
    one = sample(12, name="one", space={"dropout": Choice((0.0, 0.1))}, seed=1)
    other = sample(12, name="other", space={"dropout": Float(0.01, 0.5, log=True)}, seed=2)
    assert shared._joined([one.study.drawn["dropout"], other.study.drawn["dropout"]]) == Float(0.0, 0.5)
    assert shared.chart([one, other], "dropout").layout["xaxis"]["type"] == "linear"


def test_a_list_and_a_range_of_fractions_share_a_number_axis_with_few_ticks():
    one = sample(12, name="one", space={"dropout": Choice((0.1, 0.7))}, seed=1)
    other = sample(60, name="other", space={"dropout": Float(0.2, 0.5)}, seed=2)
    axis = shared.chart([one, other], "dropout").layout["xaxis"]
    assert len(axis.get("ticktext", ())) <= 8
    assert axis["range"][0] < 0.1 < 0.7 < axis["range"][1] < 1


STATES = {
    "empty": [sample(0, name="a"), sample(0, name="b")],
    "one trial": [sample(1, name="a"), sample(1, name="b")],
    "one of them empty": [sample(0, name="a"), STUDIES[0]],
    "failures": [
        result_of([{"trial": 0, "outcome": "failed", "baseline": True, "learning_rate": 1e-4}], name="a"),
        STUDIES[0],
    ],
    "nine": [sample(8, name=f"study-{number}", seed=number) for number in range(9)],
}


@pytest.mark.parametrize("results", STATES.values(), ids=STATES.keys())
def test_every_state_of_studies_has_a_page(results):
    rendered = html.render(results)
    for element in contents.COMPARISON.sections:
        assert rendered.count(f'<section id="{element.key}"') == 1
    assert 1 <= len(said(results)) <= 5


def test_one_study_in_a_list_is_that_studys_page():
    assert '<section id="leaderboard">' in html.render(STUDIES[:1])


def test_times_of_a_frame_without_ends_are_kept_out():
    rows = [row | {"finished": pd.NaT} for row in rows_of(0.97, 0.98)]
    assert overview.table([result_of(rows)])["cost"].tolist() == [frame_of(rows)["seconds"].sum()]
