import math

from samples.results import (
    SPACE,
    sample,
)

from reports.sections import importance


def test_the_map_marks_the_best_tenth():
    frame = sample(60, seed=2).frame
    table, _, _ = importance.pair_table(frame, SPACE, ("learning_rate", "batch_size"))
    best = table.nlargest(math.ceil(len(table) / 10), "score")["trial"]
    assert set(table.loc[table["tier"] == "best tenth", "trial"]) == set(best)
