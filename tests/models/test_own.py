"""What a function of the user's own builds, and what is said of what it does wrong."""

import importlib.util
import sys

import keras
import numpy as np
import pytest
from contracts.models import CLASSES, IMAGE_SHAPE, ScriptContract
from keras import layers

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
    ends = {{
        "softmax": layers.Dense(classes, activation="softmax"),
        "linear": layers.Dense(classes),
        "log-softmax": layers.Dense(classes, activation="log_softmax"),
        "layer": keras.Sequential([layers.Dense(classes), layers.Softmax()]),
        "activation": keras.Sequential([layers.Dense(classes), layers.Activation("softmax", dtype="float32")]),
        "operation": lambda x: keras.ops.softmax(layers.Dense(classes)(x)),
        "later": lambda x: layers.Dense(classes, activation="softmax")(x) * 1.0,
        "lambda": layers.Dense(classes, activation=lambda x: keras.ops.softmax(x)),
        "custom": Head(classes),
        "shared": shared(classes),
    }}
    if kind == "sequential":
        return keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(classes)])
    if kind == "unbuilt":
        last = layers.Dense(classes, activation="softmax")
        return keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), last])
    if kind == "subclassed":
        return Subclassed(units, classes)
    if kind == "named":
        return keras.Model({{inputs.name: inputs}}, {{"digits": ends["softmax"](x)}})
    return keras.Model(inputs, ends[kind](x))


class Head(layers.Layer):
    def __init__(self, classes):
        super().__init__()
        self.dense = layers.Dense(classes)

    def call(self, x):
        return keras.ops.softmax(self.dense(x))


class Subclassed(keras.Model):
    def __init__(self, units, classes):
        super().__init__()
        self.scale, self.flatten = layers.Rescaling(1 / 255), layers.Flatten()
        self.dense, self.last = layers.Dense(units, activation="relu"), layers.Dense(classes, activation="softmax")

    def call(self, images):
        return self.last(self.dense(self.flatten(self.scale(images))))


def shared(classes):
    softmax = layers.Softmax()
    return lambda x: softmax(layers.Dense(classes)(softmax(x)))
"""
KINDS = ("softmax", "linear", "log-softmax", "layer", "activation", "operation", "later", "lambda", "custom", "shared")
KINDS += ("sequential", "unbuilt", "subclassed", "named")


def configuration_of(folder, text, **values):
    (folder / "network.py").write_text(text)
    return Configuration.of(Function.read(folder / "network.py", "build"), values)


class TestFunction(ScriptContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def file(cls, tmp_path_factory):
        cls.folder = tmp_path_factory.mktemp("own")

    @classmethod
    def configurations(cls):
        return [configuration_of(cls.folder, MLP, kind=kind) for kind in KINDS]

    @classmethod
    def infeasible(cls):
        return configuration_of(cls.folder, MLP, depth=4)


def made_by(configuration):
    """What the user's function itself returns, on the weights that `build` has on this seed."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    values = {name: configuration.values()[name] for name in ("units", "depth", "kind")}
    made = {}
    exec(dict(configuration.model.sources)["network.py"], made)
    return made["build"](IMAGE_SHAPE, CLASSES, **values)


@pytest.mark.parametrize("kind", [each for each in KINDS if each not in ("linear", "sequential")])
def test_the_softmax_of_its_logits_are_the_probabilities_that_the_function_gives(tmp_path, kind):
    configuration = configuration_of(tmp_path, MLP, kind=kind)
    images = np.random.default_rng(0).integers(0, 256, (5, *IMAGE_SHAPE)).astype(np.float32)
    network = made_by(configuration)
    given = network({network.inputs[0].name: images} if kind == "named" else images, training=False)
    given = keras.tree.flatten(given)[0]
    given = np.exp(given) if kind == "log-softmax" else np.asarray(given)
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    logits = configuration.build(IMAGE_SHAPE, CLASSES)(images, training=False)
    np.testing.assert_allclose(np.asarray(keras.ops.softmax(logits)), given, atol=1e-5)


@pytest.mark.parametrize(
    ("last", "taken"),
    [
        ('layers.Dense(1, activation="sigmoid")', True),
        ('layers.Dense(1, activation="sigmoid", dtype="float32")', True),
        ('keras.Sequential([layers.Dense(1), layers.Activation("sigmoid")])', True),
        ("lambda x: keras.ops.sigmoid(layers.Dense(1)(x))", True),
        ("layers.Dense(1)", False),
    ],
    ids=["dense", "float32", "nested", "operation", "linear"],
)
def test_one_output_is_the_logit_of_the_second_of_two_classes(tmp_path, last, taken):
    text = f"{HEAD}    return keras.Model(inputs, ({last})(layers.Flatten()(layers.Rescaling(1 / 255)(inputs))))\n"
    configuration = configuration_of(tmp_path, text)
    images = np.random.default_rng(0).integers(0, 256, (5, *IMAGE_SHAPE)).astype(np.float32)
    given = np.asarray(made_by(configuration)(images, training=False))
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    logits = np.asarray(configuration.build(IMAGE_SHAPE, 2)(images, training=False))
    np.testing.assert_array_equal(logits[:, 0], 0)
    chance = 1 / (1 + np.exp(-logits[:, 1:]))
    np.testing.assert_allclose(chance if taken else logits[:, 1:], given, atol=1e-5)


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (
            "layers.Softmax()(layers.Dense(classes, activation='softmax')(x))",
            "never negative and add up to 1 for every",
        ),
        ("10.0 * layers.Dense(classes, activation='softmax')(x)", "never negative and add up to 10 for every image"),
        ("keras.ops.sigmoid(layers.Dense(classes)(x))", "ends in sigmoid: end it in logits or in a softmax"),
        ("layers.ReLU()(layers.Dense(classes)(x))", "ends in relu: end it in logits or in a softmax"),
        ("layers.Dense(classes, activation='tanh')(x)", "ends in tanh: end it in logits or in a softmax"),
        ("keras.ops.softmax(layers.Dense(classes)(x), axis=0)", "ends in softmax: end it in logits or in a softmax"),
    ],
    ids=["twice", "scaled", "sigmoid", "relu", "tanh", "across"],
)
def test_what_are_neither_logits_nor_probabilities_is_refused_with_the_way_out(tmp_path, last, says):
    text = (
        f"{HEAD}    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))\n    return keras.Model(inputs, {last})\n"
    )
    with pytest.raises(BrokenModel, match=says):
        configuration_of(tmp_path, text).build(IMAGE_SHAPE, CLASSES)


@pytest.mark.parametrize("method", ["def train_step(self, data)", "def compute_loss(self, **given)"])
def test_a_training_of_its_own_is_refused_since_it_would_be_ignored(tmp_path, method):
    own = MLP.replace(
        "class Subclassed(keras.Model):\n", f"class Subclassed(keras.Model):\n    {method}:\n        ...\n\n"
    )
    with pytest.raises(BrokenModel, match=r"a Subclassed with a (train_step|compute_loss) of its own.*leave it out"):
        configuration_of(tmp_path, own, kind="subclassed").build(IMAGE_SHAPE, CLASSES)


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
        ("    raise KeyError", r"^KeyError \(network.py:8 in build\)$"),
        ("    raise KeyboardInterrupt", r"^KeyboardInterrupt \(network.py:8 in build\)$"),
        ("    raise SystemExit(3)", r"SystemExit: 3 \(network.py:8 in build\)"),
        ("    return 3", "network.py:6: build returned int, not a keras.Model"),
        ("    return None", "network.py:6: build returned NoneType, not a keras.Model"),
        (
            "    m = keras.Sequential([inputs, layers.Dense(classes)])\n    m.compile()\n    return m",
            "network.py:6: build returned a compiled model",
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
        (
            "    return keras.Model(inputs, [layers.Dense(classes)(layers.Flatten()(inputs))] * 2)",
            "a network of 1 inputs and 2 outputs",
        ),
        (
            "    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(inputs)))",
            r"outputs of shape \(1,\), and there are 10 classes",
        ),
    ],
    ids=range(13),
)
def test_what_the_users_code_does_wrong_is_said_with_the_frames_of_their_files_alone(tmp_path, body, says):
    with pytest.raises(BrokenModel, match=says) as caught:
        configuration_of(tmp_path, f"{HEAD}{body}\n").build(IMAGE_SHAPE, CLASSES)
    assert "sweep/models" not in caught.value.detail
    assert "site-packages" not in caught.value.detail


def test_a_file_that_has_changed_since_is_not_run(tmp_path):
    before = configuration_of(tmp_path, MLP)
    (tmp_path / "network.py").write_text(MLP.replace("0.1", "0.2"))
    with pytest.raises(BrokenModel, match="no longer the code that the study was started with"):
        before.build(IMAGE_SHAPE, CLASSES)


def test_building_leaves_nothing_in_the_folder_and_nothing_on_the_path(tmp_path):
    (tmp_path / "aid.py").write_text("UNITS = 4\n")
    path = list(sys.path)
    configuration_of(tmp_path, f"from aid import UNITS\n{MLP}").build(IMAGE_SHAPE, CLASSES)
    assert sys.path == path
    assert sorted(each.name for each in tmp_path.iterdir()) == ["aid.py", "network.py"]


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_the_script_of_one_output_for_two_classes_gives_the_probabilities_of_both(tmp_path, monkeypatch, activation):
    body = f'    return keras.Model(inputs, layers.Dense(1, activation="{activation}")(layers.Flatten()(inputs)))\n'
    one = configuration_of(tmp_path, HEAD + body)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = {"keras": keras, "layers": keras.layers}
    exec(one.source(IMAGE_SHAPE, 2, "float32"), made)
    built, images = one.build(IMAGE_SHAPE, 2), np.random.default_rng(0).normal(0, 1, (3, *IMAGE_SHAPE))
    made["model"].set_weights(built.get_weights())
    expected = keras.ops.softmax(built(images, training=False))
    np.testing.assert_allclose(np.asarray(made["model"](images, training=False)), np.asarray(expected), atol=1e-5)


# -- the lines of a script


def scripted(configuration, classes=CLASSES, precision="float32"):
    """The network that the lines of a script make."""
    made = {"keras": keras, "layers": keras.layers}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "path", list(sys.path))
        exec(configuration.source(IMAGE_SHAPE, classes, precision), made)
    return made["model"]


@pytest.fixture
def in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("kind", ["softmax", "layer", "activation", "unbuilt", "linear", "named"])
def test_the_softmax_of_a_script_is_float32_also_where_layers_compute_in_bfloat16(tmp_path, in_bfloat16, kind):
    model = scripted(configuration_of(tmp_path, MLP, kind=kind), precision="bfloat16")
    images = np.random.default_rng(0).integers(0, 256, (64, *IMAGE_SHAPE)).astype(np.float32)
    given = np.asarray(model(images, training=False))
    assert given.dtype == np.float32
    np.testing.assert_allclose(given.sum(axis=-1), 1, atol=1e-5)  # in bfloat16 they would be off by some 1e-3


def test_batch_normalisation_of_a_script_averages_as_training_does(tmp_path):
    """Over a constant, the average is that constant less what is left of the zero with which it begins."""
    body = """    x = layers.Flatten()(layers.BatchNormalization()(inputs))
    return keras.Model(inputs, layers.Dense(classes)(x))
"""
    model, steps = scripted(configuration_of(tmp_path, HEAD + body)), 7
    images, labels = np.full((4 * steps, *IMAGE_SHAPE), 3.0, np.float32), np.zeros(4 * steps, np.int32)
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=4, verbose=0)
    (moving,) = (each for each in model.variables if each.path.endswith("moving_mean"))
    left = np.prod([min(0.99, (1 + step) / (10 + step)) for step in range(steps)])
    np.testing.assert_allclose(np.asarray(moving), 3 * (1 - left), rtol=1e-5)


BUILDER = """
import keras
import keras_tuner as kt
from keras_tuner import HyperModel

def build_model(hp: kt.HyperParameters):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    for i in range(hp.Int("depth", 1, 3)):
        units, activation = hp.Int(f"units_{i}", 8, 32, step=8), hp.Choice("act", ["relu", "tanh"])
        model.add(keras.layers.Dense(units, activation=activation))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2)), "sparse_categorical_crossentropy")
    return model
"""


@pytest.fixture
def without_keras_tuner(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras_tuner", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "keras_tuner" else find(name))


def test_a_builder_that_imports_keras_tuner_is_built_without_it(tmp_path, without_keras_tuner):
    (tmp_path / "tuner.py").write_text(BUILDER + "\n\nclass Mine(kt.HyperModel):\n    pass\n\n\nmine = Mine(3)\n")
    configuration = Configuration.of(Function.read(tmp_path / "tuner.py", "build_model"), {"units_0": 16})
    model = configuration.build(IMAGE_SHAPE, CLASSES)
    assert [each.units for each in model._flatten_layers() if type(each) is layers.Dense] == [16, 10]
    assert "keras_tuner" not in sys.modules


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kt.RandomSearch(build_model, max_trials=3).search(1, 2)", r"ImportError: search needs KerasTuner: install "),
        ("import keras_tuner.tuners", r"keras_tuner.tuners needs KerasTuner: install keras-tuner \(tuner.py:"),
    ],
    ids=["searches", "a module of it"],
)
def test_what_of_keras_tuner_only_keras_tuner_can_do_says_what_to_install(tmp_path, without_keras_tuner, line, says):
    (tmp_path / "tuner.py").write_text(f"{BUILDER}\n\n{line}\n")
    with pytest.raises(BrokenModel, match=says):
        Configuration.of(Function.read(tmp_path / "tuner.py", "build_model"), {}).build(IMAGE_SHAPE, CLASSES)


def test_a_reason_to_be_infeasible_has_its_place_and_none_of_keras_own_words(tmp_path):
    own = """
class Picky(layers.Layer):
    def call(self, x):
        raise sweep.Infeasible("these are too few units")

"""
    head, _, rest = HEAD.partition("def build")
    text = f"{head}{own}def build{rest}    return keras.Model(inputs, Picky()(inputs))\n"
    with pytest.raises(Infeasible) as caught:
        configuration_of(tmp_path, text).build(IMAGE_SHAPE, CLASSES)
    assert str(caught.value) == "these are too few units"
    assert caught.value.place == "network.py:9 in call"


def test_the_script_of_a_builder_has_its_values_and_needs_no_keras_tuner(tmp_path, without_keras_tuner):
    (tmp_path / "tuner.py").write_text(BUILDER)
    values = {"depth": 2, "units_0": 16, "units_1": 24, "act": "tanh", "dropout": True, "rate": 0.3}
    configuration = Configuration.of(Function.read(tmp_path / "tuner.py", "build_model"), values)
    lines = [line.strip() for line in configuration.source(IMAGE_SHAPE, CLASSES, "float32").splitlines()]
    assert "'depth': 2,  # its default: 'depth': 1" in lines
    model = scripted(configuration)
    assert not hasattr(sys.modules.pop("keras_tuner"), "__path__")
    found = [each.get_config() for each in model._flatten_layers() if type(each) in (layers.Dense, layers.Dropout)]
    told = [(each.get("units"), each.get("activation"), each.get("rate")) for each in found]
    assert sorted(told, key=str) == sorted(
        [(16, "tanh", None), (24, "tanh", None), (None, None, 0.3), (10, "linear", None)], key=str
    )
