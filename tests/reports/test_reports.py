import html
import json
import math
import re
import tomllib
from dataclasses import replace

import pandas as pd
import pytest
from plotly.offline import get_plotlyjs
from samples.results import HOSTILE, SPACE, START, curves_of, frame_of, halted, result_of, rows_of, sample, study

import reports
import sweep
from reports import axes, elements, figures, networks, page, stories, summary, tables, words
from sweep.errors import InputError
from sweep.models.shapes import architecture
from sweep.results.noise import gain
from sweep.results.result import Result
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int

IMAGES = 10_000
PLOTLY = get_plotlyjs()


def without_plotly(text):
    assert text.count(PLOTLY) == 1
    return text.replace(PLOTLY, "")


def charts_of(text):
    """The documents of a page's charts, as its script reads them."""
    found = re.findall(r'<script type="application/json">(.*?)</script>', without_plotly(text), re.DOTALL)
    return [json.loads(document) for document in found]


def plain(text):
    return text.replace(words.SPACE, " ")


def said(result):
    return [plain(sentence) for sentence in summary.sentences(result)]


def hostile_result():
    rows = rows_of(0.98, 0.985, 0.99)
    rows += [
        {"trial": 3, "outcome": "failed", "reason": HOSTILE, "learning_rate": 0.001},
        {"trial": 4, "outcome": "pruned", "reason": HOSTILE, "score": 0.97, "learning_rate": 0.001},
        {"trial": 5, "outcome": HOSTILE, "reason": HOSTILE, "score": 0.98, "learning_rate": 0.001},
    ]
    tried = study(description=HOSTILE, data=f"/pictures/{HOSTILE}")
    curves = [(trial, epoch, 0.1, 0.9, 0.1, 0.9 + epoch / 60, 8.0) for trial in (0, 1) for epoch in (1, 2, 3)]
    return Result(tried, frame_of(rows), curves_of(curves), {HOSTILE: {HOSTILE: [HOSTILE, 1]}, "empty": None})


# What is said of names and numbers


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("learning_rate", 0.0003, "0.0003"),
        ("learning_rate", 1e-5, "0.00001"),
        ("learning_rate", 0.00026813, "0.000268"),
        ("dropout", 0.0, "0"),
        ("batch_size", 128.0, "128"),  # a column with a gap holds floats
        ("dense_units", 1024, "1,024"),
        ("rescale", True, "yes"),
        ("optimizer", "adam", "adam"),
        ("momentum", math.nan, "–"),
        ("score", 0.98561, "98.56 %"),
        ("parameters", 1_111_946, "1.11 M"),
        ("parameters", 999_600, "1.00 M"),
        ("parameters", 850, "850"),
        ("flops", 28_900_000, "28.9 M"),
        ("seconds", 4.25, "4.2 s"),
        ("seconds", 192.0, "3 min 12 s"),
        ("seconds", 60.2, "1 min"),
        ("seconds", 7500, "2 h 5 min"),
        ("seconds", None, "–"),
    ],
)
def test_numbers_are_said_as_a_person_would(name, value, text):
    assert plain(words.value(name, value)) == text


def test_differences_carry_their_sign_unless_they_are_none():
    assert [words.points(x) for x in (0.0035, -0.0035, 0.000001, math.nan)] == [
        "+0.35",
        "−0.35",
        "0.00",
        "–",
    ]


def test_parameter_names_are_said_without_underscores():
    assert words.label("conv1_kernel_size") == "conv 1 kernel size"
    assert words.label("learning_rate") == "learning rate"


# Tables


def test_the_best_is_the_earliest_of_the_highest_completed_scores():
    rows = [*rows_of(0.98, 0.99, 0.99), {"trial": 3, "score": 0.999, "outcome": "pruned"}]
    assert tables.best(frame_of(rows))["trial"] == 1


@pytest.mark.parametrize(("score", "clear"), [(0.9880, False), (0.9899, True)])
def test_a_gain_is_clear_only_past_two_standard_errors_of_the_difference(score, clear):
    gain = tables.gain(frame_of(rows_of(0.9856, score)), IMAGES)
    assert gain.difference == pytest.approx(score - 0.9856)
    assert gain.clear is clear


def test_a_baseline_that_did_not_complete_has_no_score():
    rows = rows_of(0.98, 0.99)
    rows[0]["outcome"] = "pruned"
    assert tables.baseline_score(frame_of(rows)) is None
    assert tables.gain(frame_of(rows), IMAGES) is None


def test_the_comparison_puts_results_before_changes_before_what_is_the_same():
    rows = rows_of(0.98, 0.99, batch_size=128)
    rows[1] |= {"optimizer": "sgd", "momentum": 0.9}
    rows[0] |= {"optimizer": "adam"}
    table = tables.comparison(frame_of(rows)).set_index("name")
    assert table["group"].to_dict() == {
        **dict.fromkeys(("score", "parameters", "flops", "seconds", "trained_epochs"), "result"),
        **dict.fromkeys(("learning_rate", "optimizer", "momentum"), "changed"),
        "batch_size": "same",
    }
    assert table.loc["score", ["baseline", "best"]].tolist() == [0.98, 0.99]
    assert table.loc["learning_rate", ["baseline", "best"]].tolist() == [1e-4, 2e-4]


def test_the_leaderboard_is_sorted_by_score_the_earlier_of_equals_first():
    rows = [*rows_of(0.98, 0.97, 0.99, 0.98), {"trial": 4, "outcome": "failed"}]
    table = tables.leaderboard(frame_of(rows))
    assert table["trial"].tolist() == [2, 0, 3, 1]
    assert table["difference"].tolist() == pytest.approx([0.01, 0, 0, -0.01])


def test_outcomes_are_counted_with_their_reasons_and_rare_reasons_are_summed():
    rows = rows_of(0.98, 0.99)
    reasons = ["often", "often", *(f"once {number}" for number in range(9))]
    rows += [{"trial": 2 + at, "outcome": "failed", "reason": reason} for at, reason in enumerate(reasons)]
    table = tables.outcomes(frame_of(rows), most=3)
    assert table.to_numpy().tolist() == [
        ["completed", "", 2],
        ["failed", "often", 2],
        ["failed", "once 0", 1],
        ["failed", "once 1", 1],
        ["failed", "7 other reasons", 7],
    ]


def test_best_so_far_follows_completed_trials_only():
    rows = rows_of(0.97, 0.96, 0.99, 0.98, 0.995)
    rows[2]["outcome"] = "pruned"
    rows.append({"trial": 5, "outcome": "infeasible"})
    table = tables.history(frame_of(rows[::-1]))
    assert table["trial"].tolist() == [0, 1, 2, 3, 4]
    assert table["so_far"].tolist() == [0.97, 0.97, 0.97, 0.98, 0.995]


def test_time_is_spent_in_the_order_of_ends_and_by_trials_without_a_score_too():
    ends = [pd.Timestamp(f"2026-01-01 00:0{minute}", tz="UTC") for minute in (5, 1, 3)]
    rows = [row | {"finished": end} for row, end in zip(rows_of(0.97, 0.96, 0.99), ends, strict=True)]
    rows[2] |= {"outcome": "failed", "score": None, "seconds": 7.0}
    table = tables.spending(frame_of(rows))
    assert table["trial"].tolist() == [1, 0]
    assert table["spent"].tolist() == [60, 127]
    assert table["so_far"].tolist() == [0.96, 0.97]


def test_epochs_taken_from_the_store_cost_nothing():
    rows = rows_of(0.97, 0.98, 0.99, 0.96)
    rows[1] |= {"reused_epochs": 5}
    rows[2] |= {"reused_epochs": 2}
    rows[3] |= {"cost": 1.5}
    assert tables.cost(frame_of(rows)).tolist() == [60, 0, 36, 1.5]


def test_the_cheapest_of_the_best_is_within_the_noise():
    rows = rows_of(0.9856, 0.9890, 0.9875, 0.9700)
    for row, size in zip(rows, (900, 1000, 500, 10), strict=True):
        row["parameters"] = size
    assert not gain(0.9890, 0.9875, IMAGES).clear
    assert tables.cheapest(frame_of(rows), "parameters", IMAGES)["trial"] == 2
    assert tables.cheapest(frame_of(rows[:1]), "parameters", IMAGES) is None


@pytest.mark.parametrize("column", ["parameters", "flops", "seconds"])
def test_a_front_holds_what_nothing_cheaper_matches(column):
    frame = sample(60).frame
    table = tables.front(frame, column)
    done = frame[frame["outcome"] == "completed"]
    for row in table.itertuples():
        cheaper = done[done[column].astype(float) <= row.at]
        better = cheaper[
            (cheaper["score"] > row.score) | ((cheaper["score"] == row.score) & (cheaper[column] < row.at))
        ]
        assert row.front == better.empty or (not row.front and (cheaper["score"] == row.score).sum() > 1)


def test_a_cost_that_all_trials_share_is_said_and_not_drawn():
    frame = frame_of(rows_of(0.98, 0.985, 0.99))
    figure = figures.front(frame, "parameters")
    assert not figure.data
    assert figure.layout.title.text == "No trial is cheaper than another in network parameters."
    assert figures.front(frame.assign(parameters=[1, 2, 3]), "parameters").data


def test_an_axis_is_made_for_the_trials_that_will_not_be_trained_further():
    """Else the first epochs of those under way would press together what is to be compared."""
    early = ("running", "interrupted", "paused")
    rows = [*rows_of(0.985, 0.99), *({"trial": 2 + n, "outcome": each, "score": 0.9} for n, each in enumerate(early))]
    assert list(tables.comparable(tables.scored(frame_of(rows)))) == [0.985, 0.99]
    assert len(tables.comparable(tables.scored(frame_of(rows[1:])))) == 4  # one alone makes no range


def test_a_note_on_how_to_read_stands_over_what_is_there_to_be_read():
    notes = {element.key: element.note for element in elements.ELEMENTS if element.note}
    few, many = (html.unescape(page.render(sample(trials))) for trials in (0, 40))
    assert not [key for key, note in notes.items() if note in few]
    assert {"importance", "history", "parallel"} <= {key for key, note in notes.items() if note in many}


def test_the_story_of_a_trial_without_a_score_says_so_by_its_outcome_alone():
    rows = rows_of(0.98)
    rows.append({"trial": 1, "outcome": "failed", "reason": "it broke", "trained_epochs": 0})
    told = [stories.story(result_of(rows), trial) for trial in (0, 1)]
    assert [plain(each.title) for each in told] == ["Trial 0, the best, the baseline: 98.00 %", "Trial 1"]


def timeline_of(result):
    return tables.timeline(result.frame, result.curves)


def test_a_timeline_has_as_many_lanes_as_ran_together_and_no_two_bars_meet():
    found = timeline_of(sample(40))
    assert found.bars["lane"].max() == 1
    for _, lane in found.bars.groupby("lane"):
        assert (lane["begin"].iloc[1:].to_numpy() >= lane["end"].iloc[:-1].to_numpy() - 0.05).all()


def test_a_trial_that_was_halted_and_went_on_has_a_bar_for_each_stretch_of_training():
    result = halted(20)
    found = timeline_of(result)
    assert found.bars["lane"].max() == 1
    ended = result.frame.set_index("trial")["trained_epochs"]
    last = found.bars[~found.bars["more"]].set_index("trial")["until"]
    assert last.sort_index().tolist() == ended.sort_index().tolist()
    assert (found.bars["begin"] >= found.bars.groupby("trial")["end"].shift().fillna(0)).all()
    assert 20 < len(found.bars) < 20 + 6 + 2 + 2  # those that went on at once have none more
    lengths = found.bars["end"] - found.bars["begin"]
    trained = result.curves.groupby("trial")["seconds"].sum()
    assert lengths.groupby(found.bars["trial"]).sum().tolist() == pytest.approx(trained.tolist())


def test_epochs_that_were_known_are_no_part_of_a_bar():
    curves = [(1, epoch, 0, 0, 0, 0.9, 10.0, START + pd.Timedelta(seconds=10 * epoch)) for epoch in (1, 2, 3)]
    rows = rows_of(0.97, 0.98)
    rows[1] |= {"reused_epochs": 2.0, "started": START + pd.Timedelta(seconds=20), "finished": curves[-1][-1]}
    bars = timeline_of(result_of(rows[1:], curves)).bars
    assert (bars["end"] - bars["begin"]).tolist() == [10]
    assert bars["reused"].tolist() == [True]


def test_a_night_between_two_trials_is_cut_out_of_the_timeline_and_said():
    start = pd.Timestamp("2026-01-01", tz="UTC")
    times = [(0, 100), (100, 250), (30_000, 30_100)]
    rows = rows_of(0.97, 0.98, 0.99)
    for row, (begin, end) in zip(rows, times, strict=True):
        row |= {"started": start + pd.Timedelta(seconds=begin), "finished": start + pd.Timedelta(seconds=end)}
    found = timeline_of(result_of(rows))
    assert [pause for _, pause in found.cuts] == [29_750]
    assert found.bars["end"].max() == pytest.approx(350 * 1.02)


def test_curves_name_the_top_the_baseline_and_the_rest_and_keep_few_of_the_rest():
    scores = [0.95, *(0.96 + number / 1000 for number in range(20))]
    curves = [(trial, epoch, 0, 0, 0, 0.9, 1) for trial in range(21) for epoch in (1, 2)]
    table = tables.curves(frame_of(rows_of(*scores)), curves_of(curves), top=3, rest=4)
    roles = table.drop_duplicates("trial").set_index("trial")["role"]
    assert roles[roles == "top"].index.tolist() == [20, 19, 18]
    assert roles[roles == "baseline"].index.tolist() == [0]
    assert 1 <= (roles == "rest").sum() <= 4


def test_a_conditional_parameter_counts_only_for_trials_that_have_it():
    rows = rows_of(0.97, 0.98, 0.99)
    rows[1]["momentum"] = 0.5
    table, _ = tables.parameter(frame_of(rows), "momentum", Float(0.5, 0.99))
    assert table["trial"].tolist() == [1]


def test_choices_stand_at_separate_places_with_the_baselines_value_among_them():
    rows = rows_of(0.97, 0.98, 0.99)
    for row, size in zip(rows, (128, 32, 256), strict=True):
        row["batch_size"] = size
    table, axis = tables.parameter(frame_of(rows), "batch_size", Choice((32, 64, 256)))
    assert axis.places
    assert axis.ticks == ((0.0, "32"), (1.0, "64"), (2.0, "128"), (3.0, "256"))
    assert table["at"].tolist() == [2, 0, 3]


def test_a_log_range_stands_on_a_log_axis_with_few_round_ticks():
    _, axis = tables.parameter(frame_of(rows_of(0.97, 0.98)), "learning_rate", Float(1e-5, 1e-2, log=True))
    assert axis.log
    assert [text for _, text in axis.ticks] == ["0.00001", "0.0001", "0.001", "0.01"]
    assert axes.log_ticks(32, 512, whole=True) == [32, 128, 512]


def test_a_baseline_outside_of_a_range_widens_the_axis():
    _, axis = tables.parameter(frame_of(rows_of(0.97, 0.98)), "learning_rate", Float(1e-3, 1e-2, log=True))
    assert axis.low < 1e-4


def test_terrible_trials_do_not_press_the_good_ones_together():
    low, high = axes.score_range([0.1, 0.098, 0.5, 0.985, 0.986, 0.988, 0.99, 0.987, 0.991], reference=0.985)
    assert 0.97 < low < 0.985
    assert 0.991 < high < 0.993


def test_terrible_trials_may_even_be_the_majority():
    low, _ = axes.score_range([0.1] * 60 + [0.98 + number / 4000 for number in range(40)])
    assert low > 0.93


def test_a_range_never_makes_noise_look_like_a_difference():
    low, high = axes.score_range([0.98, 0.9801])
    assert high - low >= 0.004


def test_thinning_keeps_the_best():
    table = pd.DataFrame({"score": [(37 * number % 1000) / 1000 for number in range(1000)]})
    kept = axes.thin(table, 100)
    assert len(kept) <= 100
    assert set(table["score"].nlargest(25)) <= set(kept["score"])
    assert kept.index.is_monotonic_increasing


def test_provenance_says_study_and_training_with_nested_names():
    table = tables.provenance(result_of(rows_of(0.98)))
    told = {(part, name): value for part, name, value in table.itertuples(index=False)}
    assert told["training", "version of keras"] == "3.15.1"
    assert told["study", "validation"] == "10,000"


def test_ranges_are_searched_in_words():
    table = tables.searched({**SPACE, "dropout": Float(0.0, 0.5, step=0.1), "rescale": Choice((False, True))})
    assert table["range"].tolist() == [
        "0.0001 to 0.003, on a log scale",
        "32, 64 or 128",
        "8 to 64, on a log scale",
        "1 to 2",
        "0 to 0.5, in steps of 0.1",
        "no or yes",
    ]


# Sentences


def test_the_sentences_say_range_best_gain_noise_and_next_step():
    searched, best, sure, onward = said(result_of(rows_of(0.9856, 0.98, 0.99, 0.98, 0.98, 0.991), trials=6))
    assert searched == (
        "Searched: learning rate (0.0001 to 0.003), batch size (32, 64 or 128), conv 1 filters (8 to 64) "
        "and conv 1 stride (1 to 2), in 6 trials: 6 completed."
    )
    assert best == (
        "The best is trial 5 with 99.10 % of 10,000 validation images right, 0.54 (±0.31) percentage points "
        "more than the baseline's 98.56 %: learning rate 0.0006 (baseline 0.0001)."
    )
    assert sure == (
        "That is more than chance among these images explains on one run each (± is approximately two "
        "standard errors), but the best of 6 runs is always partly luck."
    )
    assert onward == (
        "The last 2 trials raised the best score by +0.10 points, which is within the noise of single runs; "
        "not confirmed yet: `sweep confirm quickstart` trains the best few and the baseline again on fresh seeds; then "
        "`sweep export quickstart` writes the best configuration out as TOML and as plain Keras; `sweep run` with "
        "`--trials 16` searches on."
    )


def test_a_gain_within_the_noise_is_not_called_one():
    assert "not distinguishable from the baseline" in said(result_of(rows_of(0.9856, 0.9865)))[2]


def test_a_baseline_that_is_best_is_said_so_plainly():
    sentences = said(result_of(rows_of(0.9856, 0.98)))
    assert sentences[1].startswith("Nothing beat the baseline, which is itself the best with 98.56 %")
    assert "export" not in " ".join(sentences)


def test_the_parameter_that_mattered_is_named_with_its_share():
    rows = rows_of(*(0.97 + 0.001 * (trial % 4) for trial in range(40)))
    for trial, row in enumerate(rows):
        row |= {"learning_rate": 1e-4 * (1 + trial % 4), "batch_size": (32, 64)[trial // 4 % 2]}
    space = {"learning_rate": SPACE["learning_rate"], "batch_size": Choice((32, 64))}
    expected = "explained best by learning rate (100 %), by itself; the others cannot be told from chance."
    assert expected in " ".join(said(result_of(rows, space=space)))


def test_a_trial_that_changed_nothing_is_said_to_be_the_same():
    rows = rows_of(0.97, 0.98)
    rows[1]["learning_rate"] = rows[0]["learning_rate"]
    assert "the same configuration, trained once more." in said(result_of(rows))[1]


def test_a_finished_grid_is_not_told_to_go_on():
    space = {"batch_size": Choice((64, 128))}
    result = result_of(rows_of(0.98, 0.99), space=space, sampler="grid", trials=2)
    assert "every combination has been tried" in said(result)[-1]


@pytest.mark.parametrize("trials", [0, 1, 2, 3, 30])
def test_there_are_at_most_five_sentences(trials):
    assert 1 <= len(said(sample(trials))) <= 5


def test_a_long_space_is_summed_up():
    names = ("learning_rate", "dropout", "momentum", "weight_decay")
    space = {name: Float(0.1, 0.5) for name in names} | {
        "epochs": Int(1, 5),
        "optimizer": Choice(("sgd", "adamw")),
    }
    assert "and 2 more parameters, in 1 of 12" in said(result_of(rows_of(0.98), space=space))[0]


# The page


@pytest.fixture(scope="module")
def text():
    return page.render(sample(40, seed=3))


def test_the_page_holds_plotly_once(text):
    assert text.count(PLOTLY) == 1


def test_the_page_asks_for_nothing_outside_of_itself(text):
    own = without_plotly(text)
    targets = re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?([^"'\s>]*)""", own)
    assert targets
    assert all(target.startswith("#") or target == "data:," for target in targets)
    assert not re.search(r"https?:|@import|url\(|//[a-z]+\.", own)


def test_the_policy_allows_only_the_scripts_of_the_page_by_their_hash(text):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    policy = policy.replace("&#39;", "'")
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    scripts = re.search(r"script-src ([^;]*)", policy).group(1).split()
    inline = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts == [page._hash(script) for script in inline]
    assert len(scripts) == 2


def test_no_chart_offers_to_upload_itself(text):
    charts = charts_of(text)
    assert len(charts) == 10 + len(SPACE)
    assert all(chart["config"]["showSendToCloud"] is False for chart in charts)


def test_the_page_reads_without_scripts(text):
    own = plain(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    assert "validation accuracy" in own
    assert own.count("<table>") >= 4
    assert own.count('class="still"') >= 10 + len(SPACE)


def test_every_element_has_its_section_once(text):
    for element in elements.ELEMENTS:
        assert text.count(f'<section id="{element.key}">') == 1


def test_hostile_texts_are_shown_and_never_become_markup():
    own = without_plotly(page.render(hostile_result()))
    assert "<img" not in own
    assert "<a href='http" not in own
    assert "&lt;img src=x onerror=alert(1)&gt;" in own
    assert own.lower().count("</script") == own.count("<script")
    for chart in charts_of(page.render(hostile_result())):
        assert "<img" not in json.dumps(chart)


STATES = {
    "halted": halted(20),
    "no trials": sample(0),
    "one": sample(1),
    "two": sample(2),
    "one parameter": result_of(rows_of(0.98, 0.99), space={"learning_rate": Choice((1e-4, 2e-4))}),
    "failed": result_of([{"trial": 0, "outcome": "failed", "reason": None, "baseline": True, "parameters": None}]),
    "infeasible baseline": result_of(
        [{"trial": 0, "outcome": "infeasible", "baseline": True}, *rows_of(0.98, 0.99)[1:]]
    ),
    "running baseline": result_of(
        [{"trial": 0, "outcome": "running", "baseline": True, "started": None, "finished": None}]
    ),
    "running": result_of([*rows_of(0.98), {"trial": 1, "outcome": "running", "score": 0.5, "learning_rate": 1e-3}]),
    "no baseline": result_of(rows_of(0.98, 0.99)[1:]),
    "perfect": result_of(rows_of(1.0, 1.0, 1.0)),
    "hopeless": result_of(rows_of(0.0, 0.0)),
    "one image": result_of(rows_of(0.98, 0.99), validation=1),
}


@pytest.mark.parametrize("result", STATES.values(), ids=STATES.keys())
def test_every_state_of_a_study_has_a_page_without_empty_charts(result):
    rendered = page.render(result)
    assert all(chart["data"] for chart in charts_of(rendered))
    own = re.sub(r"<(script|style).*?</\1>", "", without_plotly(rendered), flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|NaT|None|inf)\b", own)


def test_a_snapshot_of_a_running_study_says_so():
    result = result_of([*rows_of(0.98), {"trial": 1, "outcome": "running"}])
    assert "1 trial is still training" in page.render(result)


def test_a_page_of_everything_stays_small_since_its_folded_charts_are_pictures():
    rendered = page.render(sample(100, dict(sweep.load("everything").space)))
    assert len(rendered.encode()) < 6_000_000
    section = re.search(r'<section id="parameters">.*?</section>', rendered, re.DOTALL).group(0)
    shown, folded = section.split("<details>")
    assert shown.count('type="application/json"') == shown.count('class="still"') == elements.MOST_CHARTS
    assert folded.count('class="still"') > 15
    assert "application/json" not in folded


@pytest.mark.parametrize(("trials", "most"), [(100, 6_000_000), (10_000, 12_000_000)])
def test_the_page_stays_small_and_says_what_it_does_not_draw(trials, most):
    result = sample(trials)
    rendered = page.render(result)
    assert len(rendered.encode()) < most
    sections = re.findall(r'<section id="(\w+)">(.*?)</section>', without_plotly(rendered), re.DOTALL)
    thinned = {key for key, body in sections if " drawn, the best among them" in body}
    assert thinned == ({"history", "importance", "parameters", "parallel", "fronts"} if trials == 10_000 else set())
    stars = [trace for chart in charts_of(rendered) for trace in chart["data"] if trace.get("name") == "best"]
    best = tables.best(result.frame)["trial"]
    assert [trace["customdata"] for trace in stars if "customdata" in trace][:2] == [[best]] * 2
    ids = set(re.findall(r'id="(trial-\d+)"', rendered))
    assert set(re.findall(r'href="#(trial-\d+)"', rendered)) <= ids


# Trial by trial


def test_a_story_says_what_differs_how_it_went_and_how_to_have_it_again():
    rows = rows_of(0.98, 0.985, batch_size=128)
    rows[1] |= {
        "reason": "behind the others",
        "outcome": "pruned",
        "reused_epochs": 2,
        "trained_epochs": 3,
        "epochs": 5,
    }
    rows[0] |= {"epochs": 5}
    curves = [(trial, epoch, 0.1, 0.9, 0.1, 0.9 + epoch / 60, 8.0) for trial in (0, 1) for epoch in (1, 2, 3)]
    told = {story.trial: story for story in stories.stories(result_of(rows, curves))}
    assert list(told) == [1, 0]
    assert plain(told[1].title) == "Trial 1: 98.50 %"
    assert plain(told[0].title) == "Trial 0, the best, the baseline: 98.00 %"
    assert told[1].outcome == "pruned: behind the others"
    assert [list(row.cells) for row in told[1].changes.rows] == [["learning rate", "0.0001", "0.0002"]]
    assert told[0].changes is None
    facts = {name: plain(value) for name, value in told[1].facts.pairs}
    assert facts["to the baseline"] == "+0.50 points"
    assert facts["epochs"] == "3 of 5"
    assert facts["reuse"] == "2 epochs taken from the store"
    assert facts["accuracy by epoch"] == "91.67 → 93.33 → 95.00 %"
    assert tomllib.loads(told[1].toml) == {"base": {"learning_rate": 0.0002}}


def test_a_trial_that_was_halted_says_so_and_where():
    result = halted(20)
    told = {story.trial: story for story in stories.stories(result)}
    trial = int(result.frame.loc[result.frame["trained_epochs"] == 0.25, "trial"].iloc[0])
    assert told[trial].outcome.startswith("paused: halted early, because others were better at the same epoch")
    facts = {name: plain(value) for name, value in told[trial].facts.pairs}
    assert facts["epochs"] == "0.25 of 5"
    assert re.fullmatch(r"\d\d\.\d\d \(epoch 0.25\) %", facts["accuracy by epoch"])


def test_what_is_copied_is_a_study_files_base():
    result = sample(20, seed=4)
    for story in stories.stories(result):
        base = tomllib.loads(story.toml).get("base", {})
        assert study(base=base).base == result.configuration(story.trial)


def test_trials_without_a_score_have_a_story_too():
    rows = [
        *rows_of(0.98),
        {"trial": 1, "outcome": "out of memory", "reason": "worker 1 was killed", "learning_rate": 0.1},
    ]
    told = stories.stories(result_of(rows))[-1]
    assert (told.trial, told.outcome, told.chart) == (1, "out of memory: worker 1 was killed", None)


def test_a_story_ends_with_the_last_lines_of_the_log():
    detail = "\n".join(f"line {number} <b>" for number in range(100))
    result = result_of([{"trial": 0, "outcome": "failed", "baseline": True, "detail": detail}])
    log = re.search(r'<pre class="log".*?</pre>', page.render(result), re.DOTALL).group(0)
    assert "line 99 &lt;b&gt;" in log
    assert re.findall(r"line (\d+)", log) == [str(number) for number in range(80, 100)]


def test_every_number_in_the_leaderboard_is_in_the_frame(text):
    frame = sample(40, seed=3).frame.set_index("trial")
    body = re.search(r'<section id="leaderboard">.*?</section>', text, re.DOTALL).group(0)
    heads = [plain(re.sub("<.*?>", "", head)) for head in re.findall(r"<th scope=\"col\".*?</th>", body)]
    rows = [re.findall(r'data-key="(.*?)"', row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)][1:]
    assert len(rows) == frame["score"].notna().sum()
    baseline = frame.loc[0, "score"]
    columns = {"Network": "parameters", "FLOPs": "flops", "Time": "seconds", "Epochs": "trained_epochs"}
    columns |= {words.label(name): name for name in SPACE}
    for keys in rows:
        said = dict(zip(heads, keys, strict=True))
        trial = frame.loc[int(said["Trial"])]
        assert float(said["Accuracy"]) == pytest.approx(100 * trial["score"])
        assert float(said["To baseline"]) == pytest.approx(100 * (trial["score"] - baseline), abs=1e-9)
        assert {head: float(said[head]) for head in columns} == pytest.approx(
            {head: float(trial[name]) for head, name in columns.items()}
        )
    assert [float(keys[1]) for keys in rows] == sorted((float(keys[1]) for keys in rows), reverse=True)


# Networks


def test_layers_have_the_shapes_that_keras_would_give_them():
    result = sample(1)
    assert [(layer.name, layer.shape, plain(layer.made)) for layer in networks.layers(result, 0)] == [
        ("conv 1", (24, 24, 32), "32 of 5×5"),
        ("pool 1", (12, 12, 32), "2×2"),
        ("conv 2", (8, 8, 64), "64 of 5×5"),
        ("pool 2", (4, 4, 64), "2×2"),
        ("flatten", (1024,), ""),
        ("dense", (1024,), "1,024 units"),
        ("dropout", (1024,), "20 % dropped"),
        ("output", (10,), "10 units"),
    ]


def test_a_network_of_other_images_is_not_drawn():
    rows = [{"trial": 0, "score": 0.9, "baseline": True, "parameters": 5_000_000}]
    assert networks.layers(result_of(rows), 0) is None


def test_a_network_of_your_own_images_is_drawn_with_their_shape():
    shape = {"image shape": [40, 30, 3], "classes": 4}
    network = architecture(Configuration(), (40, 30, 3), 4)
    rows = [{"trial": 0, "score": 0.9, "baseline": True, "parameters": network.parameters}]
    found = networks.layers(replace(result_of(rows), provenance=shape), 0)
    assert found[0].shape == (36, 26, 32)
    assert found[-1].shape == (4,)


def test_layers_that_only_one_network_has_stand_in_its_order():
    one = [networks.Layer(name, "", (1,)) for name in ("conv 1", "pool 1", "conv 2", "flatten")]
    other = [networks.Layer(name, "", (1,)) for name in ("rescale", "conv 1", "conv 2", "conv 3", "flatten")]
    pairs = networks.beside(one, other)
    assert [(left or right).name for left, right in pairs] == [
        "rescale",
        "conv 1",
        "pool 1",
        "conv 2",
        "conv 3",
        "flatten",
    ]
    assert [right is None for _, right in pairs] == [False, False, True, False, False, False]


# The file


def test_a_report_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    reports.write(result_of(rows_of(0.98, 0.99)), str(path))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_is_an_input_error_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "report.html", tmp_path / "folder"):
        with pytest.raises(InputError, match=r"The report cannot be written to .*: .*\. Name another file"):
            reports.write(result_of(rows_of(0.98)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_text_that_no_encoding_has_is_written_with_marks(tmp_path):
    bare = result_of(rows_of(0.98))
    reports.write(Result(bare.study, bare.frame, bare.curves, {"folder": "/pictures/\udcff"}), tmp_path / "report.html")
    assert "/pictures/?" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nullable_columns_are_read_like_any_other():
    rows = [*rows_of(0.98, 0.99), {"trial": 2, "outcome": "infeasible", "parameters": None, "seconds": None}]
    bare = result_of(rows)
    assert page.render(Result(bare.study, bare.frame.convert_dtypes(), bare.curves)).count("<tr") > 8
