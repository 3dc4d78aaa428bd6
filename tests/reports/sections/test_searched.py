from samples.results import SPACE

from reports.sections import searched
from sweep.space.configuration import PARAMETERS
from sweep.space.space import Choice, Float


def test_ranges_are_searched_in_words():
    space = {**SPACE, "dropout": Float(0.0, 0.5, step=0.1), "rescale": Choice((False, True))}
    table = searched.table(space, PARAMETERS)
    assert table["range"].tolist() == [
        "0.0001 to 0.003, on a log scale",
        "32, 64 or 128",
        "8 to 64, on a log scale",
        "1 to 2",
        "0 to 0.5, in steps of 0.1",
        "no or yes",
    ]
