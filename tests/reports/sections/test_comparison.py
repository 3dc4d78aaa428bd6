from dataclasses import replace

from samples.results import frame_of, result_of, rows_of, sample

from reports import blocks
from reports.sections import comparison
from reports.typography import NO_BREAK
from sweep.space.configuration import Configuration


def plain(text):
    return text.replace(NO_BREAK, " ")


def test_the_comparison_puts_results_before_changes_before_what_is_the_same():
    rows = rows_of(0.98, 0.99, batch_size=128)
    rows[1] |= {"optimizer": "sgd", "momentum": 0.9}
    rows[0] |= {"optimizer": "adam"}
    table = comparison.table(frame_of(rows)).set_index("name")
    assert table["group"].to_dict() == {
        **dict.fromkeys(("score", "parameters", "flops", "seconds", "trained_epochs"), "result"),
        **dict.fromkeys(("learning_rate", "optimizer", "momentum"), "changed"),
        "batch_size": "same",
    }
    assert table.loc["score", ["baseline", "best"]].tolist() == [0.98, 0.99]
    assert table.loc["learning_rate", ["baseline", "best"]].tolist() == [1e-4, 2e-4]


def test_layers_have_the_shapes_that_keras_would_give_them():
    result = sample(1)
    assert [(layer.name, layer.shape, plain(layer.made)) for layer in comparison.layers_of(result, 0)] == [
        ("conv 1", (24, 24, 32), "32 of 5×5"),
        ("pool 1", (12, 12, 32), "2×2"),
        ("conv 2", (8, 8, 64), "64 of 5×5"),
        ("pool 2", (4, 4, 64), "2×2"),
        ("flatten", (1024,), ""),
        ("dense", (1024,), "1,024 units"),
        ("dropout", (1024,), "20 % dropped"),
        ("output", (10,), "10 units"),
    ]


def test_a_network_of_other_images_is_not_drawn():
    rows = [{"trial": 0, "score": 0.9, "baseline": True, "parameters": 5_000_000}]
    assert comparison.layers_of(result_of(rows), 0) is None


def test_a_network_of_your_own_images_is_drawn_with_their_shape():
    shape = {"image shape": [40, 30, 3], "classes": 4}
    network = Configuration().inspect((40, 30, 3), 4)
    rows = [{"trial": 0, "score": 0.9, "baseline": True, "parameters": network.parameters}]
    found = comparison.layers_of(replace(result_of(rows), provenance=shape), 0)
    assert found[0].shape == (36, 26, 32)
    assert found[-1].shape == (4,)


def test_layers_that_only_one_network_has_keep_its_order():
    one = [blocks.Layer(name, "", (1,)) for name in ("conv 1", "pool 1", "conv 2", "flatten")]
    other = [blocks.Layer(name, "", (1,)) for name in ("rescale", "conv 1", "conv 2", "conv 3", "flatten")]
    pairs = comparison.paired(one, other)
    assert [(left or right).name for left, right in pairs] == [
        "rescale",
        "conv 1",
        "pool 1",
        "conv 2",
        "conv 3",
        "flatten",
    ]
    assert [right is None for _, right in pairs] == [False, False, True, False, False, False]
