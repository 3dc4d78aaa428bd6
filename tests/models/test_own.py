"""What a function of the user's own builds, and what is said of what it does wrong."""

import sys

import pytest
from contracts.models import CLASSES, IMAGE_SHAPE, ModelContract

from sweep.models.function import Function
from sweep.models.model import BrokenModel, Infeasible
from sweep.space.configuration import Configuration

HEAD = """
import keras
from keras import layers
import sweep

def build(image_shape, classes, *, units: int = 8, depth: int = 1, kind: str = "softmax"):
    inputs = keras.Input(image_shape)
"""
MLP = f"""{HEAD}
    if depth > 3:
        raise sweep.Infeasible("this is too deep for me")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    for _ in range(depth):
        x = layers.Dropout(0.1)(layers.Dense(units, activation="relu")(x))
    if kind == "sequential":
        return keras.Sequential([layers.Flatten(), layers.Dense(classes)])
    if kind == "linear":
        return keras.Model(inputs, layers.Dense(classes)(x))
    if kind == "layer":
        return keras.Model(inputs, layers.Softmax()(layers.Dense(classes)(x)))
    if kind == "operation":
        return keras.Model(inputs, keras.ops.softmax(layers.Dense(classes)(x)))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""


def configuration_of(folder, text, **values):
    (folder / "network.py").write_text(text)
    return Configuration.of(Function.read(folder / "network.py", "build"), values)


class TestFunction(ModelContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def file(cls, tmp_path_factory):
        cls.folder = tmp_path_factory.mktemp("own")

    @classmethod
    def configurations(cls):
        kinds = ("softmax", "linear", "layer", "operation", "sequential")
        return [configuration_of(cls.folder, MLP, kind=kind) for kind in kinds]

    @classmethod
    def infeasible(cls):
        return configuration_of(cls.folder, MLP, depth=4)


def test_what_keras_cannot_build_is_infeasible_with_its_sentence(tmp_path):
    pools = "    for _ in range(9):\n        inputs = layers.MaxPooling2D(2)(inputs)\n"
    with pytest.raises(Infeasible, match="Computed output size would be"):
        configuration_of(tmp_path, HEAD + pools).build(IMAGE_SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('    raise ValueError("my own")', r"ValueError: my own \(network.py:8 in build\)"),
        (
            "    import no_such_package",
            r"ModuleNotFoundError: No module named 'no_such_package' \(network.py:8 in build\)",
        ),
        ("    raise SystemExit(3)", r"SystemExit: 3 \(network.py:8 in build\)"),
        ("    return 3", "network.py:build returned int, not a keras.Model"),
        ("    return None", "network.py:build returned NoneType, not a keras.Model"),
        (
            "    m = keras.Sequential([inputs, layers.Dense(classes)])\n    m.compile()\n    return m",
            "network.py:build returned a compiled model",
        ),
        (
            "    return keras.Model(inputs, layers.Dense(classes + 1)(layers.Flatten()(inputs)))",
            r"outputs of shape \(11,\), and there are 10 classes",
        ),
        (
            "    return keras.Model([inputs, keras.Input((2,))], layers.Dense(classes)(layers.Flatten()(inputs)))",
            "a network of 2 inputs and 1 outputs",
        ),
        (
            '    return keras.Model(inputs, layers.Dense(classes, activation="sigmoid")(layers.Flatten()(inputs)))',
            "ends in sigmoid: end it in logits or in a softmax",
        ),
    ],
    ids=range(9),
)
def test_what_the_users_code_does_wrong_is_said_with_the_frames_of_their_files_alone(tmp_path, body, says):
    with pytest.raises(BrokenModel, match=says) as caught:
        configuration_of(tmp_path, f"{HEAD}{body}\n").build(IMAGE_SHAPE, CLASSES)
    assert "sweep/models" not in caught.value.detail
    assert "site-packages" not in caught.value.detail


def test_a_file_that_has_changed_since_is_not_run(tmp_path):
    before = configuration_of(tmp_path, MLP)
    (tmp_path / "network.py").write_text(MLP.replace("0.1", "0.2"))
    with pytest.raises(BrokenModel, match="no longer the code that the study was begun with"):
        before.build(IMAGE_SHAPE, CLASSES)


def test_building_leaves_nothing_in_the_folder_and_nothing_on_the_path(tmp_path):
    (tmp_path / "aid.py").write_text("UNITS = 4\n")
    path = list(sys.path)
    configuration_of(tmp_path, f"from aid import UNITS\n{MLP}").build(IMAGE_SHAPE, CLASSES)
    assert sys.path == path
    assert sorted(each.name for each in tmp_path.iterdir()) == ["aid.py", "network.py"]
