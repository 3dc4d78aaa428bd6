"""What pages say of ablations, from verdicts and ablations of made-up hits."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from samples.results import confirmed, result_of, rows_of, shifted

import reports
from reports.pages import contents, html
from reports.typography import NO_BREAK
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
    return unescape(text.replace(NO_BREAK, " "))


def section(results, key):
    """A section's words, its table's rows and its markup."""
    markup = re.search(rf'<section id="{key}".*?</section>', html.render(results), re.DOTALL).group(0)
    own = re.sub(r"<script.*?</script>", "", markup, flags=re.DOTALL)
    rows = [
        [plain(re.sub("<.*?>", "", cell)) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr.*?</tr>", own, re.DOTALL)
    ]
    return plain(re.sub("<.*?>", "", own)), rows, markup


def taken_apart(trial=1, values=None, right=None):
    """A confirmed study whose recommendation was taken apart; `right` gives how many of 10,000 a network sees."""
    best = Configuration().replaced(values or {"learning_rate": 2e-4, "conv1_filters": 8})
    entry = AblationEntry(best, Configuration(), lambda configuration: configuration.inspect((28, 28, 1), 10))
    right = right or (lambda c: 9_800 + 60 * (c.learning_rate > 1e-4) - 20 * (c.conv1_filters < 32))
    for seed in range(4):
        hits = [np.arange(10_000) < right(each) + 3 * seed for each in entry.configurations]
        entry.take(seed, hits)
    return replace(STUDIES[1], ablation=entry.ablation(trial))


def test_the_ablation_follows_the_confirmation():
    assert [element.key for element in contents.STUDY.sections[1:3]] == ["confirmation", "ablation"]


def test_the_ablation_has_both_directions_and_their_difference():
    said, rows, markup = section(taken_apart(), "ablation")
    heads = ["Change", "Best", "In the best", "p", "Alone", "p", "Interaction", "p", "Parameters without"]
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
    assert "Significant gain: learning rate." in said
    assert "Significant loss: conv 1 filters." in said
    assert markup.count("<figure") == 1


def test_the_figure_has_two_dots_a_change_beside_each_other():
    figure = reports.ablation(taken_apart().ablation)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == ["no difference", "reverted in the best", "made alone in the baseline"]
    assert traces["reverted in the best"].x == pytest.approx((0.6, -0.2))
    assert traces["reverted in the best"].y == pytest.approx((-0.16, 0.84))
    assert traces["made alone in the baseline"].y == pytest.approx((0.16, 1.16))
    assert figure.layout.yaxis.ticktext == ("learning rate", "conv 1 filters")


def test_what_cannot_be_judged_has_its_reason_in_the_table():
    values = {"padding": "same", "extra_blocks": 1, "conv3_kernel_size": 5}
    result = taken_apart(values=values, right=lambda _: 9_800)
    _, rows, _ = section(result, "ablation")
    cells = {row[0]: row for row in rows[1:]}
    assert cells["padding"][2].startswith("it cannot exist: ")
    assert cells["padding"][8] == "–"
    assert cells["extra blocks"][1].startswith("1 (baseline 0), with conv 3 filters 64")
    assert "extra blocks" in reports.ablation(result.ablation).layout.yaxis.ticktext


def test_a_single_change_has_no_company():
    _, rows, _ = section(taken_apart(values={"learning_rate": 2e-4}), "ablation")
    assert rows[0] == ["Change", "Best", "In the best", "p", "Alone", "p", "Parameters without"]


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (UNCONFIRMED, "There is no confirmed network yet whose changes could be measured."),
        (study("kept", {0: BASE, 1: LESS}), "The baseline itself is recommended, so there are no changes to measure."),
        (STUDIES[1], "Not done yet. sweep ablate more reverts each change alone."),
        (
            taken_apart(trial=2),
            "The last ablation is of trial 2, but trial 1 is recommended now. sweep ablate more measures its changes.",
        ),
    ],
)
def test_where_there_is_no_ablation_a_sentence_says_why(result, sentence):
    said, rows, markup = section(result, "ablation")
    assert sentence in said
    assert (rows, markup.count("<figure")) == ([], 0)
