import pytest
from samples.training import SMALL

from sweep.space.configuration import Configuration

SHAPE = (28, 28, 1)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"rescale": True, "batch_norm": True, "pool1_size": 0},
        {"extra_blocks": 3, "padding": "same", "pool5_size": 2, "conv3_stride": 2},
    ],
    ids=str,
)
def test_layers_have_the_names_order_and_shapes_that_the_arithmetic_gives_them(values):
    configuration = Configuration().replaced(values)
    built = [(layer.name, layer.output.shape[1:]) for layer in configuration.build(SHAPE, 10).layers]
    assert built == [(layer.name, layer.output_shape) for layer in configuration.inspect(SHAPE, 10).layers]


def test_layers_do_what_the_configuration_says():
    configuration = SMALL.replaced({"padding": "same", "conv2_kernel_size": 5, "pool1_size": 3, "pool1_stride": 2})
    model = configuration.build(SHAPE, 10)
    settings = {layer.name: layer.get_config() for layer in model.layers}
    assert settings["rescale"]["scale"] == 1 / 255
    conv1, conv2 = settings["conv1"], settings["conv2"]
    assert (conv1["strides"], conv1["kernel_size"], conv1["padding"]) == ((2, 2), (3, 3), "same")
    assert (conv2["kernel_size"], conv2["filters"], conv2["activation"]) == ((5, 5), 8, "relu")
    assert (settings["pool1"]["pool_size"], settings["pool1"]["strides"]) == ((3, 3), (2, 2))
    assert settings["pool1"]["padding"] == "valid"
    assert (settings["dense"]["units"], settings["dense"]["activation"]) == (16, "relu")
    assert settings["dropout"]["rate"] == configuration.dropout
    assert (settings["output"]["units"], settings["output"]["activation"]) == (10, "linear")


def test_with_batch_normalisation_relu_comes_after_it_and_only_once():
    model = Configuration(batch_norm=True).build(SHAPE, 10)
    names = [layer.name for layer in model.layers]
    assert names[:4] == ["conv1", "batch_norm1", "relu1", "pool1"]
    assert model.get_layer("conv1").get_config()["activation"] == "linear"


def test_the_baseline_has_the_tutorials_layers_and_parameters():
    model = Configuration().build(SHAPE, 10)
    names = ["conv1", "pool1", "conv2", "pool2", "flatten", "dense", "dropout", "output"]
    assert [layer.name for layer in model.layers] == names
    assert model.count_params() == 1_111_946
