"""The same idea has the same words and numbers wherever a reader meets it."""

import re
import tomllib

import pytest
from samples.results import result_of, study

from reports.comparison import overview
from reports.sections import stories, summary
from sweep.results.noise import noise_of_difference
from sweep.results.outlook import look_ahead
from sweep.space.configuration import Configuration
from sweep.wording import margin


def scored(*scores, **fields):
    """A study of so many completed trials, the first of them its baseline."""
    rows = [
        {"trial": trial, "score": score, "baseline": trial == 0, **Configuration(batch_size=128 + trial).values()}
        for trial, score in enumerate(scores)
    ]
    return result_of(rows, **fields)


@pytest.mark.parametrize("scores", [(1.0, 1.0), (0.985, 0.99), (0.0, 0.0)])
def test_two_scores_have_the_same_noise_in_the_terminal_on_the_page_and_in_a_comparison(scores):
    found = scored(*scores, validation=1000)
    told = margin(noise_of_difference(*scores, 1000))
    assert told != "±0.00"
    assert f"(noise of single runs: {told})" in str(found)
    if scores[0] != scores[1]:  # of equals the baseline is the best itself, and the page compares it with nothing
        assert f"percentage points (noise: {told})" in " ".join(summary.sentences(found))
    row = overview._row(overview.table([found]).to_dict("records")[0])
    assert told.removeprefix("±") in re.sub(r"\s", " ", str(row.cells[3]))


def test_the_outlook_calls_noise_what_the_summary_does():
    found = scored(0.99, 0.99, validation=1000)
    assert look_ahead(found.study, found.frame).noise == noise_of_difference(0.99, 0.99, 1000)


def test_a_trials_story_gives_its_configuration_where_a_study_file_would():
    """A pool's stride that stays while its size changes has to be told: else it would follow the size."""
    configuration = Configuration().replaced({"pool1_size": 3, "pool1_stride": 2})
    found = result_of([{"trial": 0, "score": 0.9, "baseline": True, **configuration.values()}])
    written = tomllib.loads(stories.as_toml(found.frame.iloc[0]))
    assert Configuration().replaced(written["base"]) == configuration
    assert written["base"] == study(base=configuration).as_document()["base"]
