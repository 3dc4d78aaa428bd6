"""`sweep show --summary`: the network as Keras prints it, and as it is."""

import json
import os
import re

import pytest
from samples.commands import sweep
from samples.studies import RATES, study_of

from sweep.cli.networks import _memory
from sweep.space.configuration import Configuration
from sweep.storage.store import Store

pytestmark = pytest.mark.usefixtures("forked")

BIG = """
extra_blocks = 1
batch_norm = true
rescale = true
padding = "same"
conv2_filters = 96
"""


@pytest.fixture(scope="module")
def summary_of_keras():
    """The lines of Keras's own summary of a configuration's network, without the frame; TensorFlow is imported here."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    def summary(configuration: Configuration) -> list[str]:
        lines: list[str] = []
        model = configuration.build((28, 28, 1), 10)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("COLUMNS", "200")  # of the console that Keras prints on, lest it breaks lines
            model.summary(line_length=120, print_fn=lambda text, **_: lines.append(text))
        return words("\n".join(lines))

    return summary


def words(text: str) -> list[str]:
    """The lines that say something, each with its words apart by one space."""
    plain = re.sub(r"[│┃━─┏┓┡┩┳╇┼├┤└┘┴]", " ", text)
    return [" ".join(line.split()) for line in plain.splitlines() if line.split()]


def shown(*arguments: str, cwd) -> list[str]:
    return words(sweep("show", *arguments, "--summary", cwd=cwd).stdout)


@pytest.mark.parametrize("text", ["", BIG])
def test_a_file_is_shown_as_keras_shows_its_network(tmp_path, summary_of_keras, text):
    (tmp_path / "mine.toml").write_text(text)
    values = {"extra_blocks": 1, "batch_norm": True, "rescale": True, "padding": "same", "conv2_filters": 96}
    expected = summary_of_keras(Configuration().replaced(values if text else {}))
    title, *lines, flops = shown("mine.toml", cwd=tmp_path)
    assert title == "the configuration in mine.toml: 28x28x1 images, 10 classes"
    assert lines == expected[1:]  # without the model's own name
    assert flops.startswith("FLOPs of one image's forward pass: ")


def test_the_tutorials_network_is_shown_before_anything_was_run(tmp_path):
    title, head, *rows = shown("quickstart", cwd=tmp_path)
    assert title == "the baseline of quickstart: 28x28x1 images, 10 classes"
    assert head == "Layer (type) Output Shape Param #"
    assert rows[0] == "conv1 (Conv2D) (None, 24, 24, 32) 832"
    assert "Total params: 1,111,946 (4.24 MB)" in rows
    assert not list(tmp_path.iterdir())


def test_a_study_shows_its_best_and_any_trial_by_its_number(tmp_path):
    (tmp_path / "small.toml").write_text(
        'name = "small"\ntrain_size = 500\nvalidation = 500\ntrials = 2\nsampler = "grid"\n'
        "base = { epochs = 1, dense_units = 16 }\n[space]\ndense_units = [8]\n"
    )
    sweep("run", "small.toml", cwd=tmp_path)
    best, *_ = shown("small", cwd=tmp_path)
    number = re.match(r"trial (\d)", best)[1]
    assert shown("small", number, cwd=tmp_path)[0] == best
    assert shown("small", "0", cwd=tmp_path)[0].startswith("trial 0 of small, the baseline:")
    assert "dense (Dense) (None, 8) 8,200" in shown("small", "1", cwd=tmp_path)
    document = json.loads(sweep("show", "small", "1", "--summary", "--json", cwd=tmp_path).stdout)
    assert document["layers"][-3] == {
        "name": "dense", "type": "Dense", "output_shape": [8], "parameters": 8_200, "flops": 16_384,
    }  # fmt: skip
    assert (
        document["parameters"]
        == document["trainable_parameters"]
        == sum(layer["parameters"] for layer in document["layers"])
    )
    assert "has no trial 9" in sweep("show", "small", "9", "--summary", cwd=tmp_path, code=2).stderr
    assert "dense (Dense) (None, 16) 16,400" in shown("./small.toml", cwd=tmp_path)


def test_a_study_without_trials_shows_its_baseline(tmp_path):
    with Store.open(str(tmp_path / "sweep.db")) as store:
        store.studies.begin(study_of(RATES, precision="float32"), "digest")
    assert shown("test", cwd=tmp_path)[0] == "trial 0 of test, the baseline: 28x28x1 images, 10 classes"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.toml"], "none.toml: cannot be read: No such file"),
        (["huge.toml"], "The network of the configuration in huge.toml cannot exist: conv block 1: a 40x40 kernel"),
        (["mine.toml", "3"], "mine.toml is a file, which has no trials: leave out 3."),
        (["mine.toml"], "mine.toml:1: Unknown parameter 'epoch'. Did you mean 'epochs'?"),
        (["mine"], "There is no database 'sweep.db' yet"),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence(tmp_path, arguments, sentence):
    (tmp_path / "huge.toml").write_text("conv1_kernel_size = 40\n")
    (tmp_path / "mine.toml").write_text("epoch = 3\n")
    assert sentence in sweep("show", *arguments, "--summary", cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.00 B"), (1023, "1023.00 B"), (4_447_784, "4.24 MB"), (5 * 2**30, "5.00 GB")]
)
def test_sizes_are_in_powers_of_1024_as_in_keras(size, text):
    assert _memory(size) == text
