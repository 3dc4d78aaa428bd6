import math

from samples.results import SPACE, result_of, rows_of, sample

from reports.blocks import Charts, Sentence, Table
from reports.sections import importance
from sweep.space.space import Choice

TWO = {"batch_size": Choice((32, 64)), "optimizer": Choice(("adam", "sgd"))}


def two_choices():
    """Batch size decides, the optimizer hardly; one pair of values is never completed."""
    rows = rows_of(*(0.97 + 0.01 * (trial % 2) + 0.0001 * (trial % 7) for trial in range(40)))
    for trial, row in enumerate(rows):
        row |= {"batch_size": (32, 64)[trial % 2], "optimizer": ("adam", "sgd")[trial // 2 % 2]}
        if trial % 4 == 3:
            row |= {"outcome": "pruned", "trained_epochs": 1}
    return result_of(rows, space=TWO)


def test_what_mattered_is_said_in_a_sentence():
    (sentence,) = importance.sentences(two_choices())
    assert sentence.startswith("Batch size mattered most: by itself, it explains ")
    assert importance._blocks(two_choices())[0] == Sentence(sentence)
    assert importance.sentences(result_of(rows_of(0.97, 0.98), space=TWO)) == []


def test_two_choices_are_a_small_table_of_medians_and_counts():
    frame = two_choices().frame
    columns = importance._blocks(two_choices())[-1]
    table = columns.blocks[1]
    assert isinstance(table, Table)
    x = [float(head.text.split()[-1]) for head in table.heads[1:]]
    assert (table.heads[0].text, x) == ("optimizer", [32, 64])
    done = frame[frame["outcome"] == "completed"]
    for row in table.rows:
        for size, cell in zip(x, row.cells[1:], strict=True):
            scores = done.loc[(done["batch_size"] == size) & (done["optimizer"] == row.cells[0]), "score"]
            assert cell == (f"{100 * scores.median():.2f} % ({len(scores)})" if len(scores) else "–")
    assert [row.cells[0] for row in table.rows] == ["adam", "sgd"]


def test_a_range_beside_a_choice_stays_a_chart():
    space = {name: SPACE[name] for name in ("learning_rate", "batch_size")}
    columns = importance._blocks(sample(60, space, seed=2))[-1]
    assert all(isinstance(block, Charts) for block in columns.blocks)


def test_the_map_marks_the_best_tenth():
    frame = sample(60, seed=2).frame
    table, _, _ = importance.pair_table(frame, SPACE, ("learning_rate", "batch_size"))
    best = table.nlargest(math.ceil(len(table) / 10), "score")["trial"]
    assert set(table.loc[table["tier"] == "best tenth", "trial"]) == set(best)
