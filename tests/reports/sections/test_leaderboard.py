import re

import pytest
from samples.results import SPACE, sample

from reports import labels
from reports.pages import html
from reports.typography import NO_BREAK


def plain(text):
    return text.replace(NO_BREAK, " ")


@pytest.fixture(scope="module")
def text():
    return html.render(sample(40, seed=3))


def test_every_number_in_the_leaderboard_is_in_the_frame(text):
    frame = sample(40, seed=3).frame.set_index("trial")
    body = re.search(r'<section id="leaderboard">.*?</section>', text, re.DOTALL).group(0)
    heads = [plain(re.sub("<.*?>", "", head)) for head in re.findall(r"<th scope=\"col\".*?</th>", body)]
    rows = [re.findall(r'data-key="(.*?)"', row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)][1:]
    assert len(rows) == frame["score"].notna().sum()
    baseline = frame.loc[0, "score"]
    columns = {"Parameters": "parameters", "FLOPs": "flops", "Time": "seconds", "Epochs": "trained_epochs"}
    columns |= {labels.label(name): name for name in SPACE}
    for keys in rows:
        said = dict(zip(heads, keys, strict=True))
        trial = frame.loc[int(said["Trial"])]
        assert float(said["Accuracy"]) == pytest.approx(100 * trial["score"])
        assert float(said["vs baseline"]) == pytest.approx(100 * (trial["score"] - baseline), abs=1e-9)
        assert {head: float(said[head]) for head in columns} == pytest.approx(
            {head: float(trial[name]) for head, name in columns.items()}
        )
    assert [float(keys[1]) for keys in rows] == sorted((float(keys[1]) for keys in rows), reverse=True)
