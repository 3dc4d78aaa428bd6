"""What pages say of rankings and ablations, from verdicts and ablations of made-up hits."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
from samples.results import confirmed, result_of, rows_of, shifted

from reports import compared_elements, elements, page, words, worth, worth_figures
from sweep.models.shapes import architecture
from sweep.space.configuration import Configuration
from sweep.verdict.ablation import AblationEntry

BASE = shifted(0, 0.1, -0.1, 0.05, -0.05)
MORE = shifted(0.5, 0.61, 0.4, 0.56, 0.44)
LIKE = shifted(0.47, 0.66, 0.36, 0.6, 0.4)
LESS = shifted(-0.5, -0.4, -0.62, -0.44, -0.55)


def study(name, scores):
    return confirmed(result_of(rows_of(0.985, 0.992, 0.99), name=name), scores)


STUDIES = [study("less", {0: BASE, 1: LESS}), study("more", {0: BASE, 1: MORE}), study("like", {0: BASE, 1: LIKE})]
UNCONFIRMED = result_of(rows_of(0.985, 0.992), name="unconfirmed")


def plain(text):
    return html.unescape(text.replace(words.SPACE, " "))


def section(results, key):
    """A section's words, its table's rows and its markup."""
    markup = re.search(rf'<section id="{key}".*?</section>', page.render(results), re.DOTALL).group(0)
    own = re.sub(r"<script.*?</script>", "", markup, flags=re.DOTALL)
    rows = [
        [plain(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", own, re.DOTALL)
    ]
    return plain(re.sub("<.*?>", "", own)), rows, markup


# -- the ranking


def test_the_ranking_is_the_first_section_of_several_studies():
    assert compared_elements.ELEMENTS[0].key == "worth"


def test_the_ranking_says_gain_interval_cost_and_what_it_is_worth():
    said, rows, markup = section([*STUDIES, UNCONFIRMED], "worth")
    heads = ["Study", "Its best", "Gain", "p", "Seeds", "Beside doing nothing", "Parameters", "Training"]
    assert rows[0] == heads
    assert [row[0] for row in rows[1:]] == ["more", "like", "less"]
    told = dict(zip(heads, rows[1], strict=True))
    assert told["Its best"] == "learning rate 0.0002"
    assert re.fullmatch(r"\+0\.50 ± 0\.\d\d", told["Gain"])
    assert (told["Seeds"], told["Beside doing nothing"]) == ("5", "better")
    assert (told["Parameters"], told["Training"]) == ("1.00 M (×1)", "1 min (×1)")
    assert rows[3][5] == "worse"
    assert "Most worth it is more (learning rate 0.0002): +0.50 ± 0." in said
    assert "not told from it: like." in said
    assert "Not confirmed: unconfirmed." in said
    assert "in about 94 % of cases" in said
    assert markup.count("<figure") == 1


def test_where_nothing_is_better_that_is_the_answer():
    for scores in (LESS, BASE):
        said, _, _ = section([study("no", {0: BASE, 1: scores}), UNCONFIRMED], "worth")
        assert "Of what was confirmed on fresh seeds, nothing is shown to be better than doing nothing." in said
        assert "Most worth it" not in said


def test_without_a_verdict_one_sentence_gives_the_commands():
    said, rows, markup = section([UNCONFIRMED, replace(UNCONFIRMED)], "worth")
    assert "None of them is confirmed on fresh seeds yet" in said
    assert "<code>sweep suggestions</code>" in markup
    assert (rows, markup.count("<figure")) == ([], 0)


def test_the_opening_speaks_of_what_is_confirmed_where_something_is():
    sentences = compared_elements.sentences(STUDIES)
    assert any(sentence.startswith("Most worth it is `more`") for sentence in sentences)
    assert not any("partly luck" in sentence for sentence in sentences)
    assert any("partly luck" in sentence for sentence in compared_elements.sentences([UNCONFIRMED, UNCONFIRMED]))


def test_the_tied_are_shaded_and_intervals_stand_where_the_verdicts_have_them():
    table = worth.ranked(STUDIES)
    figure = worth_figures.ranking(table)
    shades = [(shape.y0, shape.y1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert shades == [(-0.5, 0.5), (0.5, 1.5)]
    assert figure.layout.yaxis.ticktext == ("more", "like", "less")
    drawn = {}
    for trace in figure.data:
        for x, row, reach in zip(trace.x, trace.y, trace.error_x.array or (), strict=False):
            drawn[row] = (x, reach)
    for row, (gain, reach) in enumerate(zip(table["difference"], table["difference_reach"], strict=True)):
        assert drawn[row] == (pytest.approx(100 * gain, abs=1e-3), pytest.approx(100 * reach, abs=1e-3))


def test_an_interval_of_two_seeds_is_cut_at_the_edge_and_said_to_go_on():
    wide = study("wide", {0: BASE[:2], 1: shifted(0.1, 0.9)})
    figure = worth_figures.ranking(worth.ranked([wide, STUDIES[1]]))
    low, high = figure.layout.xaxis.range
    for trace in figure.data:
        errors = zip(trace.x, trace.error_x.array or (), trace.error_x.arrayminus or (), strict=False)
        assert all(low - 1e-3 <= x - less <= x + more <= high + 1e-3 for x, more, less in errors)
    assert "goes on beyond it" in figure.layout.meta["note"]


# -- the ablation


def taken_apart(trial=1, values=None, right=None):
    """A confirmed study whose recommendation was taken apart; `right` gives how many of 10,000 a network sees."""
    best = Configuration().replaced(values or {"learning_rate": 2e-4, "conv1_filters": 8})
    entry = AblationEntry(best, Configuration(), lambda configuration: architecture(configuration, (28, 28, 1), 10))
    right = right or (lambda c: 9_800 + 60 * (c.learning_rate > 1e-4) - 20 * (c.blocks[0].filters < 32))
    for seed in range(4):
        hits = [np.arange(10_000) < right(each) + 3 * seed for each in entry.configurations]
        entry.take(seed, hits)
    return replace(STUDIES[1], ablation=entry.ablation(trial))


def test_the_ablation_follows_the_confirmation():
    assert [element.key for element in elements.ELEMENTS[1:3]] == ["confirmation", "ablation"]


def test_the_ablation_has_both_directions_and_their_difference():
    said, rows, markup = section(taken_apart(), "ablation")
    heads = ["Change", "Best", "To the best", "p", "Alone", "p", "In company", "p", "Parameters without"]
    assert rows[0] == heads
    assert [row[:2] for row in rows[1:]] == [
        ["learning rate", "0.0002 (baseline 0.0001)"],
        ["conv 1 filters", "8 (baseline 32)"],
    ]
    assert rows[1][2].startswith("+0.60 ±")
    assert rows[2][4].startswith("−0.20 ±")
    assert rows[1][6].startswith("0.00 ±")
    assert rows[2][8] == "1.11 M"
    assert "Trial 1 has 98.4" in said
    assert markup.count("<figure") == 1


def test_the_figure_has_two_dots_a_change_beside_each_other():
    figure = worth_figures.contributions(worth.effects(taken_apart().ablation))
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["no difference", "to the best", "alone, to the baseline"]
    assert traces["to the best"].x == pytest.approx((0.6, -0.2))
    assert traces["to the best"].y == pytest.approx((-0.16, 0.84))
    assert traces["alone, to the baseline"].y == pytest.approx((0.16, 1.16))
    assert figure.layout.yaxis.ticktext == ("learning rate", "conv 1 filters")


def test_what_cannot_be_judged_has_its_reason_in_the_table():
    values = {"padding": "same", "extra_blocks": 1, "conv3_kernel_size": 5}
    result = taken_apart(values=values, right=lambda _: 9_800)
    _, rows, _ = section(result, "ablation")
    cells = {row[0]: row for row in rows[1:]}
    assert cells["padding"][2].startswith("it cannot exist: ")
    assert cells["padding"][8] == "–"
    assert cells["extra blocks"][1].startswith("1 (baseline 0), with conv 3 filters 64")
    assert "extra blocks" in worth_figures.contributions(worth.effects(result.ablation)).layout.yaxis.ticktext


def test_a_single_change_has_no_company():
    _, rows, _ = section(taken_apart(values={"learning_rate": 2e-4}), "ablation")
    assert rows[0] == ["Change", "Best", "To the best", "p", "Alone", "p", "Parameters without"]


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (UNCONFIRMED, "Nothing is confirmed yet that could be taken apart."),
        (study("kept", {0: BASE, 1: LESS}), "The baseline itself is recommended: there is nothing to take apart."),
        (STUDIES[1], "Not done yet: sweep ablate more puts each changed value back, alone."),
        (
            taken_apart(trial=2),
            "What was taken apart is trial 2, while trial 1 is recommended by now: sweep ablate more takes that apart.",
        ),
    ],
)
def test_where_there_is_no_ablation_a_sentence_says_why(result, sentence):
    said, rows, markup = section(result, "ablation")
    assert sentence in said
    assert (rows, markup.count("<figure")) == ([], 0)
