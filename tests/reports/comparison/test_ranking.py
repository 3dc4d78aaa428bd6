"""What pages say of ranked studies, from verdicts of made-up hits."""

import re
from dataclasses import replace
from html import unescape

import pytest
from samples.results import confirmed, result_of, rows_of, shifted

import reports
from reports.comparison import opening, ranking
from reports.pages import contents, html
from reports.typography import NO_BREAK

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


def test_the_ranking_is_the_first_section_of_several_studies():
    assert contents.COMPARISON.sections[0].key == "worth"


def test_the_ranking_shows_gain_interval_cost_and_conclusion():
    said, rows, markup = section([*STUDIES, UNCONFIRMED], "worth")
    heads = ["Study", "Its best", "Gain", "p", "Seeds", "vs baseline", "Parameters", "Training"]
    assert rows[0] == heads
    assert [row[0] for row in rows[1:]] == ["more", "like", "less"]
    told = dict(zip(heads, rows[1], strict=True))
    assert told["Its best"] == "learning rate 0.0002"
    assert re.fullmatch(r"\+0\.50 ± 0\.\d\d", told["Gain"])
    assert (told["Seeds"], told["vs baseline"]) == ("5", "significant gain")
    assert (told["Parameters"], told["Training"]) == ("1.00 M (×1)", "1 min (×1)")
    assert rows[3][5] == "significant loss"
    assert "The largest confirmed gain is more (learning rate 0.0002): +0.50 ± 0." in said
    assert "Not significantly behind: like." in said
    assert "Not confirmed: unconfirmed." in said
    assert markup.count("<figure") == 1


def test_where_nothing_is_better_that_is_the_answer():
    for scores in (LESS, BASE):
        said, _, _ = section([study("no", {0: BASE, 1: scores}), UNCONFIRMED], "worth")
        assert "Of what was confirmed on fresh seeds, nothing has a significant gain over the baseline." in said
        assert "largest confirmed gain" not in said


def test_without_a_verdict_one_sentence_gives_the_commands():
    said, rows, markup = section([UNCONFIRMED, replace(UNCONFIRMED)], "worth")
    assert "None of these studies is confirmed on fresh seeds yet" in said
    assert "<code>sweep suggestions</code>" in markup
    assert (rows, markup.count("<figure")) == ([], 0)


def test_the_opening_speaks_of_what_is_confirmed_where_something_is():
    sentences = opening.sentences(STUDIES)
    assert any(sentence.startswith("The largest confirmed gain is `more`") for sentence in sentences)
    assert not any("partly luck" in sentence for sentence in sentences)
    assert any("partly luck" in sentence for sentence in opening.sentences([UNCONFIRMED, UNCONFIRMED]))


def test_ties_are_shaded_and_intervals_are_drawn_where_the_verdicts_have_them():
    table = ranking.table(STUDIES)
    figure = reports.ranking(STUDIES)
    shades = [(shape.y0, shape.y1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert shades == [(-0.5, 0.5), (0.5, 1.5)]
    assert figure.layout.yaxis.ticktext == ("more", "like", "less")
    drawn = {}
    for trace in figure.data:
        for x, row, reach in zip(trace.x, trace.y, trace.error_x.array or (), strict=False):
            drawn[row] = (x, reach)
    for row, (gain, reach) in enumerate(zip(table["difference"], table["difference_reach"], strict=True)):
        assert drawn[row] == (pytest.approx(100 * gain, abs=1e-3), pytest.approx(100 * reach, abs=1e-3))


def test_an_interval_of_two_seeds_is_cut_at_the_edge_with_a_note():
    wide = study("wide", {0: BASE[:2], 1: shifted(0.1, 0.9)})
    figure = reports.ranking([wide, STUDIES[1]])
    low, high = figure.layout.xaxis.range
    for trace in figure.data:
        errors = zip(trace.x, trace.error_x.array or (), trace.error_x.arrayminus or (), strict=False)
        assert all(low - 1e-3 <= x - less <= x + more <= high + 1e-3 for x, more, less in errors)
    assert "continues beyond it" in figure.layout.meta["note"]


def by(metric, result):
    return replace(result, study=result.study.replaced(metric=metric))


def test_gains_are_ranked_among_studies_of_one_metric_and_the_page_says_so():
    unlike = [by("macro_f1", STUDIES[1]), STUDIES[0], by("macro_f1", STUDIES[2])]
    said, rows, _ = section(unlike, "worth")
    assert [row[0] for row in rows if row[0] != "Study"] == ["more", "like", "less"]
    assert said.count("By macro F1: ") == said.count("By accuracy: ") == 1
    assert "By macro F1: The largest confirmed gain is more" in said
    assert "By accuracy: Of what was confirmed on fresh seeds, nothing has a significant gain" in said
    opened = opening.sentences(unlike)
    assert [sentence[:10] for sentence in opened[1:3]] == ["By macro F", "By accurac"]
    assert opened[-1] == "The studies differ in metric: neither their scores nor their gains compare across metrics."
    _, rows, _ = section(unlike, "essence")
    assert {row[0]: row[3].split()[-1] for row in rows[1:]} == {"more": "F1", "like": "F1", "less": "accuracy"}


def test_studies_of_one_metric_have_no_metric_before_their_sentences():
    said, _, _ = section([by("macro_f1", each) for each in STUDIES], "worth")
    assert "By macro F1" not in said
