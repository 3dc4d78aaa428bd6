"""What a page says of a verdict: each one here is what `sweep.verdict.statistics` concludes from made-up hits."""

import math
import re
from dataclasses import replace
from html import unescape

import pytest
from samples.results import confirmed, result_of, rows_of, sample, shifted

import reports
from reports import recommendation
from reports.drawing.style import BEST
from reports.pages import contents, html
from reports.sections import confirmation, summary
from reports.typography import NO_BREAK
from sweep import wording

BASE = shifted(0, 0.1, -0.1, 0.05, -0.05)
UP = shifted(0.5, 0.55, 0.45, 0.6, 0.4)
LIKE = shifted(0.55, 0.5, 0.55, 0.45, 0.52)
LEVEL = shifted(0.05, 0, 0, -0.05, 0.05)
DOWN = shifted(-0.5, -0.6, -0.4)
FAILED = [0.098, 0.1, 0.1]
TEST = (shifted(0.9, 0.8, 0.85), shifted(0.6, 0.5, 0.55))


def plain(text):
    return text.replace(NO_BREAK, " ")


def study(*scores, **fields):
    """Some trials, of which trial 1 is the best; all differ from the baseline in their learning rate."""
    return result_of(rows_of(*(scores or (0.985, 0.992, 0.99, 0.986, 0.984))), **{"trials": 5} | fields)


def section(result):
    """The section's words, its table's rows and its markup."""
    markup = re.search(r'<section id="confirmation".*?</section>', html.render(result), re.DOTALL).group(0)
    own = re.sub(r"<script.*?</script>", "", markup, flags=re.DOTALL)
    rows = [
        [unescape(plain(re.sub("<.*?>", "", cell))) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", own, re.DOTALL)
    ]
    return unescape(plain(re.sub("<.*?>", "", own))), rows, markup


def said(result):
    """What the section says of the verdict first."""
    return plain(recommendation.recommended(result))


TIED = confirmed(study(), {0: BASE, 1: UP, 2: LIKE, 3: DOWN}, TEST, sizes={1: 500_000})


def test_it_is_the_second_section():
    assert [element.key for element in contents.STUDY.sections[:2]] == ["comparison", "confirmation"]


# Tables


def test_the_table_holds_means_intervals_and_roles():
    table = confirmation.table(TIED.verdict).set_index("trial")
    assert list(table.index) == [2, 1, 0, 3]
    assert table["role"].to_dict() == {1: "recommended", 0: "baseline", 2: "other", 3: "dropped"}
    assert table["name"].to_dict() == {1: "trial 1", 0: "baseline", 2: "trial 2", 3: "trial 3"}
    assert table["seeds"].to_dict() == {0: 5, 1: 5, 2: 5, 3: 3}
    own = TIED.verdict.find(1)
    assert table.loc[1, "difference"] - table.loc[1, "difference_reach"] == pytest.approx(own.difference.low)
    assert table.loc[1, "mean"] + table.loc[1, "mean_reach"] == pytest.approx(own.mean.high)
    assert table.loc[1, "luck"] == pytest.approx(0.992 - table.loc[1, "mean"])
    assert table.loc[0, ["difference_reach", "p"]].isna().all()


def test_seeds_are_compared_with_the_baseline_at_the_same_seed():
    table = confirmation.by_seed(TIED.verdict)
    own = table[table["trial"] == 3]
    assert own["seed"].tolist() == [1, 2, 3]
    expected = [score - base for score, base in zip(DOWN, BASE, strict=False)]
    assert own["difference"].tolist() == pytest.approx(expected)
    assert 0 not in set(table["trial"])


def test_one_seed_has_no_intervals():
    table = confirmation.table(confirmed(study(), {0: BASE[:1], 1: UP[:1]}).verdict)
    assert table[["mean_reach", "difference_reach", "p"]].isna().all(axis=None)


@pytest.mark.parametrize(("p", "said"), [(math.nan, "–"), (0.0004, "< 0.001"), (0.0364, "0.036"), (1.0, "1.000")])
def test_p_values_have_three_digits(p, said):
    assert plain(wording.p_value(p)) == said


# The figure


def test_the_figure_marks_recommended_tied_and_stopped():
    figure = reports.confirmation(TIED.verdict)
    traces = {trace.name: trace for trace in figure.data if trace.name}
    assert list(traces) == [
        "one seed",
        "other trials",
        "dropped early",
        "recommended",
        "baseline",
        "not significantly behind the best",
    ]
    assert traces["recommended"].customdata == (1,)
    assert traces["recommended"].marker.color == BEST
    assert traces["dropped early"].marker.symbol == "circle-open"
    assert (traces["baseline"].x, traces["baseline"].y) == ((0,), (2,))
    assert len(traces["one seed"].x) == 5 + 5 + 3
    shades = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert [(shade.y0, shade.y1) for shade in shades] == [(-0.5, 0.5), (0.5, 1.5)]
    assert figure.layout.yaxis.ticktext == ("trial 2", "trial 1", "baseline", "trial 3")
    assert [plain(note.text).strip() for note in figure.layout.annotations] == ["← worse", "better →"]
    assert all(note.x == 0 for note in figure.layout.annotations)


def test_intervals_and_seeds_are_drawn_where_the_verdict_has_them():
    figure = reports.confirmation(TIED.verdict)
    trace = next(trace for trace in figure.data if trace.name == "recommended")
    own = TIED.verdict.find(1).difference
    assert trace.x[0] == pytest.approx(100 * own.value, abs=1e-3)
    assert trace.x[0] - trace.error_x.arrayminus[0] == pytest.approx(100 * own.low, abs=2e-3)
    assert trace.x[0] + trace.error_x.array[0] == pytest.approx(100 * own.high, abs=2e-3)


def test_a_failed_network_does_not_compress_the_axis():
    figure = reports.confirmation(confirmed(study(), {0: BASE, 1: UP, 2: LEVEL, 3: FAILED}).verdict)
    low, high = figure.layout.xaxis.range
    assert -0.3 < low < high < 0.8
    assert next(trace for trace in figure.data if trace.name == "beyond the edge").customdata == (3,)
    assert figure.layout.meta["note"] == "Beyond the edge: trial 3"


def test_an_interval_is_cut_at_the_edge_with_a_note():
    figure = reports.confirmation(confirmed(study(), {0: BASE[:2], 1: UP[:2], 2: shifted(2, -1)}).verdict)
    low, high = figure.layout.xaxis.range
    for trace in figure.data:
        for x, less, more in zip(trace.x, trace.error_x.arrayminus or (), trace.error_x.array or (), strict=False):
            assert low <= x - less <= x + more <= high
    assert "continues beyond it" in figure.layout.meta["note"]


def test_where_all_are_worse_the_nearest_are_drawn():
    figure = reports.confirmation(confirmed(study(), {0: BASE, 1: shifted(-0.5, -0.6, -0.4, -0.5, -0.5)}).verdict)
    assert "beyond the edge" not in [trace.name for trace in figure.data]
    baseline = next(trace for trace in figure.data if trace.name == "baseline, recommended")
    assert baseline.marker.color == BEST


# The section


def test_without_a_verdict_one_sentence_gives_the_command():
    said, rows, markup = section(study())
    assert "Not confirmed yet: sweep confirm quickstart trains the best trials" in said
    assert "<code>sweep confirm quickstart</code>" in markup
    assert (rows, markup.count("<figure"), markup.count("<p")) == ([], 0, 1)


def test_there_is_nothing_to_confirm_but_the_baseline():
    for rows in ([], rows_of(0.98)):
        said, _, markup = section(result_of(rows))
        assert "no trial besides the baseline has a score" in said
        assert "sweep confirm" not in markup


def test_the_table_says_everything_of_each_network():
    said, rows, markup = section(TIED)
    heads = ["Network", "Seeds", "Accuracy", "vs baseline", "p", "In the search", "Luck", "Parameters", "Changes"]
    assert rows[0] == heads
    assert [row[0] for row in rows[1:]] == [
        "trial 2 · tied",
        "trial 1 · recommended",
        "baseline",
        "trial 3 · dropped early",
    ]
    told = dict(zip(heads, rows[2], strict=True))
    own = TIED.verdict.find(1)
    assert told["Seeds"] == "5"
    assert re.fullmatch(r"99\.00 ± 0\.\d\d %", told["Accuracy"])
    assert re.fullmatch(r"\+0\.50 ± 0\.\d\d", told["vs baseline"])
    assert told["p"] == plain(wording.p_value(own.p))
    assert (told["In the search"], told["Luck"]) == ("99.20 %", "+0.20")
    assert (told["Parameters"], told["Changes"]) == ("500 k", "learning rate 0.0002")
    assert rows[3][3:5] == ["–", "–"]
    for note in ("p is corrected for the number", "in about 90 % of verdicts", "in about 80 % of cases"):
        assert note in said
    assert markup.count("<figure") == 1


def test_footnotes_that_do_not_apply_are_left_out():
    said, _, _ = section(confirmed(study(), {0: BASE, 1: UP}))
    assert "corrected" in said
    assert "of verdicts" not in said
    assert "of cases" not in said


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            TIED,
            (
                "Trained on all training images, trial 1 reaches 99.35 ± 0.12 % on the test images, the baseline "
                "99.05 ± 0.12 %, a difference of +0.30 ± 0.00 points (they were used once for this study)."
            ),
        ),
        (replace(TIED, test_looks=2), "were used twice for this study; only the first look was blind)."),
        (confirmed(study(), {0: BASE, 1: UP}, (UP, [*UP[1:], UP[0]])), "which may be chance (they were used once"),
        (confirmed(study(), {0: BASE, 1: DOWN}, (BASE, BASE)), "the baseline reaches 98.50 ± 0.10 % on the test"),
        (confirmed(study(), {0: BASE, 1: UP}, looks=0), "The test images are still sealed."),
        (confirmed(study(), {0: BASE, 1: UP}, looks=3), "The test images were used 3 times for this study, not"),
    ],
)  # fmt: skip
def test_the_test_accuracy_comes_with_the_number_of_looks(result, expected):
    assert expected in section(result)[0]
    assert expected in plain(summary.sentences(result)[-1])


def test_a_best_trial_that_came_later_is_named_as_missing():
    result = confirmed(study(), {0: BASE, 2: UP})
    assert "The search's best, trial 1, is not among these networks" in section(result)[0]
    assert summary.step(result).text == "Trial 1, the best since then, is not confirmed:"
    assert summary.step(result).command == "sweep confirm quickstart"


# The opening


CONCLUSIONS = {
    "better": (
        {0: BASE, 1: UP},
        (
            "Recommended is trial 1 with 99.00 ± 0.10 % on 5 fresh seeds, 0.50 ± 0.06 points more than the baseline."
        ),
    ),
    "cheaper": (
        {0: BASE, 1: LEVEL},
        (
            "points more than the baseline, not significantly different, and cheaper, with 999,999 parameters "
            "instead of 1,000,000."
        ),
    ),
    "unproven": (
        {0: BASE, 1: UP, 2: shifted(0.9, 0.1, 1.0, -0.1, 0.5)},
        "on 5 fresh seeds, but it is not significantly better than the baseline (+0.48 ± ",
    ),
    "baseline": (
        {0: BASE, 1: DOWN},
        (
            "No trial is significantly better than the baseline, or as good and cheaper: the baseline stays "
            "recommended, with 98.50 ± 0.10 % on 5 fresh seeds."
        ),
    ),
    "unknown": (
        {0: BASE[:1], 1: UP[:1]},
        "On 1 fresh seed no difference can be significant, so the baseline stays recommended, with 98.50 %.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_the_first_sentence_speaks_of_the_verdict(conclusion):
    scores, expected = CONCLUSIONS[conclusion]
    result = confirmed(study(), scores)
    assert result.verdict.conclusion == conclusion
    assert expected in said(result)
    assert "tied with it: the baseline" not in said(result)  # which the sentence itself says
    assert len(summary.sentences(result)) <= 2
    html.render(result)


def test_the_tied_ones_are_named():
    assert "points more than the baseline (tied with it: trial 2)." in said(TIED)


def test_the_best_and_the_cheapest_are_named_each_with_how_much_worse_than_the_best_it_may_be():
    worse = r"at most 0\.\d\d points worse than the truly best \(95 % limit\)\."
    cheapest = rf"It is the cheapest within 0\.10 points of the best, and {worse}"
    assert re.search(rf"{cheapest} The best is trial 2 with 99\.01 %, and {worse}", said(TIED))
    alone = said(confirmed(study(), {0: BASE, 1: UP}))
    assert "It has the highest mean, and at most 0.00 points worse than the truly best" in alone


def test_a_verdict_of_version_0_1_0_says_what_it_can():
    older = confirmed(study(), {0: BASE, 1: UP})
    older = replace(older, verdict=replace(older.verdict, tolerance=None))
    assert "truly best" not in said(older)
    html.render(older)


def tiles(result):
    """The opening's tiles by name: number and note."""
    return {tile.name: (plain(tile.value), plain(tile.note)) for tile in summary.tiles(result)}


def test_the_opening_has_the_numbers_of_the_verdict_and_not_those_of_the_search():
    told = tiles(TIED)
    assert told["Recommended"] == ("99.00 ± 0.10 %", "trial 1 on 5 fresh seeds")
    assert told["Baseline"][0] == "98.50 ± 0.10 %"
    assert told["Gain, points"] == ("+0.50 ± 0.09", "significantly better than the baseline")
    assert "Best" not in told
    kept = tiles(confirmed(study(), {0: BASE, 1: DOWN}))
    assert kept["Recommended"][1].startswith("the baseline on 5 fresh seeds")
    assert kept["Gain"][0] == "none"
    assert "Baseline" not in kept


def test_the_chips_are_of_the_recommended_trial():
    assert [(chip.name, chip.before, chip.after) for chip in summary.chips(TIED)] == [
        ("learning rate", "0.0001", "0.0002")
    ]
    assert summary.chips(confirmed(study(), {0: BASE, 1: DOWN})) == []


def test_the_next_step_is_to_confirm_and_then_to_export():
    step = summary.step(study())
    assert (step.text, step.command) == ("Not confirmed:", "sweep confirm quickstart")
    assert summary.step(TIED).command == "sweep export quickstart"
    assert summary.step(confirmed(study(), {0: BASE, 1: DOWN})) is None
    assert summary.step(confirmed(study(), {0: BASE[:1], 1: UP[:1]})).command == "sweep confirm quickstart --seeds 2"


def test_a_long_study_has_two_sentences_with_a_verdict_too():
    result = sample(40, seed=3)
    done = result.frame.loc[(result.frame["outcome"] == "completed") & ~result.frame["baseline"], "trial"]
    assert len(summary.sentences(confirmed(result, {0: BASE, int(done.iloc[0]): UP}, TEST))) == 2
