"""`sweep init --from`: studies that other tools have, and KerasTuner's builders trained as they are."""

import textwrap
import tomllib
from pathlib import Path

import numpy as np
import optuna
import pytest
from samples.commands import ended, say

import sweep
from sweep.errors import InputError, StudyError
from sweep.models.function import Function
from sweep.models.hp import Hyperparameters
from sweep.models.parameters import Condition
from sweep.space.configuration import Configuration
from sweep.study.files import read_study

BUILDER = """
import keras
from keras import layers


def build_model(hp):
    model = keras.Sequential()
    model.add(layers.Flatten())
    for i in range(hp.Int("num_layers", 1, 3)):
        model.add(layers.Dense(units=hp.Int(f"units_{i}", min_value=8, max_value=32, step=8),
                               activation=hp.Choice("activation", ["relu", "tanh"])))
    if hp.Boolean("dropout"):
        model.add(layers.Dropout(rate=hp.Float("rate", 0.1, 0.5, default=0.25)))
    head(model, hp)
    learning_rate = hp.Float("learning_rate", min_value=1e-4, max_value=1e-2, sampling="log")
    clip = hp.Choice("clip", [0.5, 1.0])
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=learning_rate, clipnorm=clip),
                  loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def head(model, hp):
    model.add(layers.Dense(hp.Fixed("width", 16)))
    name = "wide"
    model.add(layers.Dense(hp.Int(name + "_units", 8, 16)))
    model.add(layers.Dense(10, activation="softmax"))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tuner.py").write_text(textwrap.dedent(BUILDER))
    return tmp_path


def left_out(path: Path) -> list[str]:
    return [line.removeprefix("# not taken over: ") for line in path.read_text().splitlines() if "not taken" in line]


# -- KerasTuner


def test_the_calls_of_hp_are_the_parameters(folder):
    parameters = {each.name: each for each in Function.read(folder / "tuner.py", "build_model").parameters}
    assert list(parameters) == [
        "num_layers", "units_0", "activation", "units_1", "units_2", "dropout", "rate", "width",
    ]  # fmt: skip
    assert parameters["units_2"].when == Condition("num_layers", at_least=3)
    assert parameters["rate"].when == Condition("dropout", at_least=1)
    assert parameters["activation"].choices == ("relu", "tanh")
    defaults = {name: each.default for name, each in parameters.items()}
    assert defaults["units_0"] == 8
    assert (defaults["rate"], defaults["dropout"], defaults["width"]) == (0.25, False, 16)


def test_a_builder_becomes_a_study_and_what_cannot_be_taken_over_is_said(folder):
    written = sweep.init("mine.toml", source="tuner.py:build_model")
    document = tomllib.loads(written.read_text())
    assert document["build"] == "tuner.py:build_model"
    assert document["base"] == {"learning_rate": 1e-4}
    assert document["space"] == {
        "num_layers": {"low": 1, "high": 3},
        "units_0": {"low": 8, "high": 32, "step": 8},
        "activation": ["relu", "tanh"],
        "units_1": {"low": 8, "high": 32, "step": 8},
        "units_2": {"low": 8, "high": 32, "step": 8},
        "dropout": [False, True],
        "rate": {"low": 0.1, "high": 0.5},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    }
    said = "\n".join(left_out(written))
    assert "line 25: hp.Int cannot be read from the text, and keeps its default" in said
    assert "line 16: clip decides nothing but compile(), which the study does" in said
    assert "line 17: compile(): the study has an optimizer and a loss of its own" in said
    assert read_study(written).base.learning_rate == 1e-4


def test_a_builder_is_built_as_it_is_with_the_values_of_a_trial(folder):
    function = Function.read(folder / "tuner.py", "build_model")
    given = Configuration.of(function, {"num_layers": 2, "units_0": 16, "units_1": 24, "dropout": True, "rate": 0.5})
    model = given.build((8, 8, 1), 10)
    assert not model.compiled
    layers = list(model._flatten_layers())
    assert sorted(layer.units for layer in layers if hasattr(layer, "units")) == [8, 10, 16, 16, 24]
    assert [layer.rate for layer in layers if hasattr(layer, "rate")] == [0.5]
    assert model(np.ones((1, 8, 8, 1))).shape == (1, 10)


def test_a_function_that_is_given_hp_is_read_at_each_of_its_calls(folder):
    (folder / "blocks.py").write_text(
        textwrap.dedent("""
        def build_model(hp):
            for i in range(hp.Int("layers", 1, 2)):
                block(None, hp, i)
                for j in range(2):
                    hp.Int(f"size_{i}_{j}", 1, 3)
            named(hp, "first")
            named(hp, which="last")
            counted(hp, 0)

        def block(x, hp, number):
            hp.Int(f"units_{number}", 8, 16)
            hp.Int(f"padded_{number:02d}", 8, 16)

        def named(hp, which):
            hp.Float(which + "_rate", 0.0, 0.5)

        def counted(hp, number):
            number += 1
            hp.Int("filters_" + str(number), 8, 16)
        """)
    )
    function = Function.read(folder / "blocks.py", "build_model")
    parameters = {each.name: each.when for each in function.parameters}
    assert [*parameters] == [
        "layers", "units_0", "size_0_0", "size_0_1", "units_1", "size_1_0", "size_1_1", "first_rate", "last_rate",
    ]  # fmt: skip
    assert parameters["units_1"] == Condition("layers", at_least=2)
    said = "\n".join(left_out(sweep.init("blocks.toml", source="blocks.py:build_model")))
    assert "line 13: hp.Int cannot be read" in said
    assert "line 20: hp.Int cannot be read" in said


OPTIONS = """
from elsewhere import tail


def build_model(hp):
    kind = hp.Choice("kind", ["mlp", "cnn", "vit"], False, "cnn")
    hp.Int("units", 8, 100, 2, "log", 16)
    hp.Float("rate", 1e-3, 1.0, step=10, sampling="log")
    hp.Int("many", 1, 10**6, sampling="log", step=1)
    hp.Float("late", 0.1, 0.9, sampling="reverse_log")
    hp.Int("wide", 8, 64, 8, "linear", 32)
    hp.Boolean("norm", True), hp.Choice("size", [1, 2], True)
    hp.Float("drop", 0.0, 0.5, parent_name="kind", parent_values=["mlp", "cnn"])
    with hp.conditional_scope("kind", ["cnn", "vit"]):
        hp.Int("filters", 4, 8)
        with hp.conditional_scope("norm", True):
            hp.Float("momentum_of_norm", 0.5, 0.9)
    with hp.name_scope("head"), hp.name_scope("last"):
        hp.Int("units", 4, 8)
    for name in ("first", "second"):
        hp.Int(name, 1, 2)
    if kind == "mlp":
        hp.Int("shared", 1, 5)
    else:
        hp.Int("shared", 1, 9)
    hp.Int("untold", 1, 9, step=len("ab"))
    hp.Int("of_none", 1, 9, parent_name="nothing", parent_values=[1])
    tail(hp)
"""


def test_every_option_of_hp_is_taken_over_or_said_with_its_line(folder):
    (folder / "options.py").write_text(OPTIONS.replace("10**6", "1_000_000"))
    function = Function.read(folder / "options.py", "build_model")
    parameters = {each.name: each for each in function.parameters}
    defaults = {name: each.default for name, each in parameters.items()}
    assert (defaults["kind"], defaults["units"], defaults["wide"], defaults["norm"]) == ("cnn", 16, 32, True)
    assert parameters["drop"].when == Condition("kind", among=("mlp", "cnn"))
    assert parameters["filters"].when == Condition("kind", among=("cnn", "vit"))
    assert parameters["momentum_of_norm"].when == Condition("norm", equals=True)
    assert str(parameters["filters"].when) == "kind = 'cnn' or 'vit'"
    written = sweep.init("mine.toml", source="options.py:build_model")
    space = tomllib.loads(written.read_text())["space"]
    assert space["units"] == [8, 16, 32, 64]
    assert space["rate"] == [0.001, 0.01, 0.1, 1.0]
    assert space["many"] == {"low": 1, "high": 1_000_000, "log": True}
    assert space["late"] == {"low": 0.1, "high": 0.9}
    assert space["head/last/units"] == {"low": 4, "high": 8}
    assert space["shared"] == {"low": 1, "high": 5}
    keeps = "what it asks for cannot be read, and keeps its default"
    assert left_out(written) == [
        "line 9: step of hp.Int('many') is left out: it is a factor, of too many values or on another scale than log",
        "line 10: sampling of hp.Float('late') is 'reverse_log', which has no like here: the range is uniform",
        "line 12: ordered of hp.Choice('size') has no like here: choices have no order",
        "line 16: this is asked for only where kind = 'cnn' or 'vit', too: the study varies it also elsewhere",
        "line 21: hp.Int cannot be read from the text, and keeps its default",
        "line 25: hp.Int('shared') is asked for in line 23 with other values, which are taken",
        "line 26: step of hp.Int('untold') cannot be read from the text, and is left out",
        "line 27: no call before this line asks for nothing, so its condition is left out",
        f"line 28: tail takes hp by another name, or is in another file: {keeps}",
    ]
    read_study(written)


def test_where_a_condition_does_not_hold_a_builder_is_given_none_as_by_kerastuner():
    hp = Hyperparameters({"kind": "cnn", "head/units": 6})
    with hp.conditional_scope("kind", ["mlp"]):
        assert hp.Int("depth", 1, 3) is None
        with hp.name_scope("head"):
            assert hp.Int("units", 4, 8) is None
    assert "depth" not in hp
    with hp.conditional_scope("kind", ["mlp", "cnn"]), hp.name_scope("head"):
        assert (hp.Int("units", 4, 8), hp.get("units"), hp["units"], "units" in hp) == (6, 6, 6, True)
    assert hp.Float("rate", 0.1, 0.5, parent_name="kind", parent_values=["mlp"]) is None
    assert hp.Float("rate", 0.1, 0.5, None, "linear", 0.25, parent_name="kind", parent_values="cnn") == 0.25
    assert (hp.Choice("last", ["a", "b"], False, "b"), hp.Boolean("norm", True)) == ("b", True)


@pytest.mark.parametrize(
    ("place", "build"),
    [
        ("mine.toml", "tuner.py:build_model"),
        ("studies/deep/mine.toml", "../../tuner.py:build_model"),
        ("studies/far/too/deep/mine.toml", "{folder}/tuner.py:build_model"),
        ("link/mine.toml", "{folder}/tuner.py:build_model"),
    ],
)
def test_a_study_names_the_file_of_its_builder_as_a_user_would(folder, place, build):
    (folder / "elsewhere" / "deep").mkdir(parents=True)
    (folder / "link").symlink_to(folder / "elsewhere" / "deep")
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    written = sweep.init(place, source="tuner.py:build_model")
    assert tomllib.loads(written.read_text())["build"] == build.format(folder=folder)
    assert Path(read_study(written).build.path).samefile(folder / "tuner.py")


def test_a_function_that_asks_no_hp_is_told(folder):
    (folder / "mine.py").write_text("def build(image_shape, classes, *, units=64): ...\n")
    with pytest.raises(InputError, match=r"mine.py:build is no builder: it takes no hp. Its arguments"):
        sweep.init("x.toml", source="mine.py:build")
    for source, says in (
        ("mine.py", "as in mine.py:build_model"),
        ("nine.py:build", "mine.py"),
        ("tuner.py:build_modell", "build_model"),
    ):
        with pytest.raises(InputError, match=says):
            sweep.init("x.toml", source=source)
    assert not (folder / "x.toml").exists()


# -- Optuna


def objective(trial: optuna.Trial) -> float:
    trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    trial.suggest_int("batch_size", 32, 256, step=32)
    trial.suggest_categorical("optimizer", ["adam", "sgd"])
    trial.suggest_float("dropout", 0.0, 0.5, step=0.1)
    trial.suggest_int("n_heads", 1, 8)
    return 0.5


@pytest.fixture
def of_optuna(folder) -> Path:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage("sqlite:///study.db")
    optuna.create_study(storage=storage, study_name="theirs").optimize(objective, n_trials=2)
    optuna.create_study(storage=storage, study_name="empty")
    storage.remove_session()
    storage.engine.dispose()
    return folder


def test_an_optuna_study_is_taken_over_from_its_distributions(of_optuna):
    before = (of_optuna / "study.db").read_bytes()
    written = sweep.init("mine.toml", source="study.db:theirs")
    assert tomllib.loads(written.read_text())["space"] == {
        "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
        "batch_size": {"low": 32, "high": 256, "step": 32},
        "optimizer": ["adam", "sgd"],
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    }
    assert "  # lr there" in written.read_text()
    (said,) = left_out(written)
    assert said.startswith("n_heads = { low = 1, high = 8 }: Unknown parameter 'n_heads' in [space].")
    assert (of_optuna / "study.db").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("study.db:theris", "There is no Optuna study 'theris' in study.db. Did you mean 'theirs'?"),
        ("study.db:empty", "No trial of the Optuna study 'empty' in study.db has a parameter."),
        ("none.db:theirs", "There is no database 'none.db' yet"),
        ("tuner.db:theirs", "tuner.db is no database of Optuna"),
    ],
)
def test_what_is_no_optuna_study_is_told_and_left_as_it_is(of_optuna, source, says):
    import sqlite3

    sqlite3.connect("tuner.db").execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(InputError) as caught:
        sweep.init("x.toml", source=source)
    assert says in str(caught.value)
    assert not (of_optuna / "x.toml").exists()
    assert not (of_optuna / "none.db").exists()


# -- W&B

SWEEP = """
method: bayes
run_cap: 30
program: train.py
metric: {name: val_loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  batch_size: {values: [32, 64, 128]}
  epochs: {value: 9}
  dropout: {min: 0.0, max: 0.5}
  momentum: {distribution: normal, mu: 0.9, sigma: 0.1}
  kernel: {values: [3, 5]}
"""


def test_a_wandb_sweep_is_taken_over_line_by_line(folder):
    (folder / "sweep.yaml").write_text(SWEEP)
    written = sweep.init("mine.toml", source="sweep.yaml")
    document = tomllib.loads(written.read_text())
    assert (document["trials"], document["sampler"], document["base"]) == (30, "tpe", {"epochs": 9})
    assert document["space"] == {
        "learning_rate": {"low": 0.0001, "high": 0.1, "log": True},
        "batch_size": [32, 64, 128],
        "dropout": {"low": 0.0, "high": 0.5},
        "conv1_kernel_size": [3, 5],
    }
    said = left_out(written)
    assert "metric val_loss: trials are compared by their accuracy on the validation images" in said
    assert any(line.startswith("early_terminate: ") for line in said)
    assert "momentum: a normal without min and max has no ends" in said
    assert len(said) == 3


def test_numbers_that_yaml_takes_for_texts_are_numbers_and_steps_on_a_log_scale_are_told(folder):
    (folder / "sweep.yaml").write_text("""
method: bayes
parameters:
  lr: {distribution: log_uniform_values, min: 1e-5, max: 1E-2}
  weight_decay: {values: [0, 1e-4]}
  dense_units: {distribution: q_log_uniform_values, q: 8, min: 32, max: 256}
""")
    written = sweep.init("mine.toml", source="sweep.yaml")
    assert tomllib.loads(written.read_text())["space"] == {
        "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
        "weight_decay": [0, 1e-4],
        "dense_units": {"low": 32, "high": 256, "log": True},
    }
    assert left_out(written) == ["dense_units: q: a range on a log scale has no steps; the range itself is taken"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method: [", "sweep.yaml:1: not valid YAML"),
        ("method: bayes\n", "sweep.yaml: no sweep of W&B"),
        ("- 1\n", "sweep.yaml: no sweep of W&B"),
        ("!!python/object/apply:os.system ['echo']\n", "not valid YAML"),
        ("parameters: {heads: {values: [1, 2]}}\n", "Nothing that varies in the W&B sweep sweep.yaml varies here."),
        ("parameters: {dropout: 3}\n", "dropout: 3 is no description of a parameter"),
    ],
)
def test_what_is_no_sweep_is_told(folder, text, says):
    (folder / "sweep.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        sweep.init("x.toml", source="sweep.yaml")
    assert says in str(caught.value)
    assert not (folder / "x.toml").exists()


# -- the command


def test_the_command_says_what_it_left_out(folder, capsys):
    (folder / "sweep.yaml").write_text(SWEEP)
    printed = ended(capsys, "init", "mine.toml", "--from", "sweep.yaml", code=0).out
    assert "\nwrote mine.toml. Edit it, then:\n" in printed
    assert "not taken over: momentum: a normal without min and max has no ends" in printed
    ended(capsys, "check", "mine.toml", code=0)
    assert "Did you mean 'filters'?" in say(capsys, "init", "x.toml", "--from", "filter", code=2)


def test_a_name_that_no_study_can_have_is_told(folder):
    (folder / "sweep.yaml").write_text(SWEEP)
    with pytest.raises(StudyError, match="name must be 1 to 64 of"):
        sweep.init("a b.toml", source="sweep.yaml")
