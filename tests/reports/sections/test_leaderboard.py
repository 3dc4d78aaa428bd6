import math
import re

import pytest
from samples.results import SPACE, sample

from reports import labels
from reports.pages import html
from reports.sections import leaderboard
from reports.typography import NO_BREAK


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
    expected = [frame.loc[int(keys[0]), "expected"] for keys in rows]
    judged = [each for each in expected if not math.isnan(each)]
    assert judged == sorted(judged, reverse=True)
    assert all(math.isnan(each) for each in expected[len(judged) :])  # trials that failed come last


def test_learning_rate_batch_size_and_the_first_of_the_space_are_shown_however_little_they_explain():
    varied = ["dropout", "conv1_filters", "conv2_filters", "momentum", "dense_units", "learning_rate", "batch_size"]
    space = ["dense_units", "learning_rate", "batch_size", "dropout", "conv1_filters", "conv2_filters", "momentum"]
    shown = ["learning_rate", "batch_size", "dense_units", "dropout", "conv1_filters"]
    assert leaderboard._shown(varied, space) == shown
    assert leaderboard._shown(["dropout"], ["dropout"]) == ["dropout"]
