import pytest
from samples.results import SPACE, sample

from reports import frames
from reports.sections import parallel


def test_lines_through_all_parameters_meet_their_axes_where_the_values_are():
    frame = sample(30).frame
    table, axis = parallel.table(frame, SPACE)
    assert list(axis) == list(SPACE)
    assert table["trial"].tolist()[0] == frames.best(frame)["trial"]
    rates = frame.set_index("trial")["learning_rate"]
    low, high = axis["learning_rate"].low, axis["learning_rate"].high
    for trial, share in zip(table["trial"], table["learning_rate"], strict=True):
        assert low * (high / low) ** share == pytest.approx(rates[trial])
