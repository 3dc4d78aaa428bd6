"""What `sweep check --prove` finds out: faults are named, and sound networks pass.

Networks are examined as `prove` has them examined, but many in the same two processes.
"""

import numpy as np
import pytest
from samples.source import ROOT
from samples.training import process_of_one_thread

from sweep.data.dataset import Split, load_dataset
from sweep.errors import InputError
from sweep.models.function import Function
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.training.finding import Proof
from sweep.training.prove import begin, conclude, examine, resume

OWN = ROOT / "tests" / "samples" / "own"

FAULTS = {
    "tf_random": ("Checkpoints have all state", "layer noisy calls RandomStandardNormal"),
    "python_random": ("Draws anew in each step", "layer noisy draws from Python's or NumPy's random numbers"),
    "numpy_random": ("Draws anew in each step", "layer noisy computes something else each time its graph is made"),
    "numpy_global": ("Draws anew in each step", "layer noisy draws from Python's or NumPy's random numbers"),
    "python_each_step": ("Checkpoints have all state", "layer noisy calls EagerPyFunc"),
    "keras_without_seed": (
        "Checkpoints have all state",
        "which is no variable of the network",
    ),
    "stateful": ("Checkpoints have all state", "layer counter uses calls"),
    "normalised_in_training": ("Scores each image alone", "layer norm gives an image something else"),
    "dropout_in_training": ("Scores each image alone", "layer drop draws random numbers while it scores"),
    "frozen": ("Trains every weight", "cold/kernel: frozen at random values"),
    "all_frozen": ("Trains every weight", "all weights are frozen: last/kernel"),
    "not_finite": ("Begins with finite numbers", "layer log gives numbers that are not finite"),
    "gradient_not_finite": ("Begins with finite numbers", "the gradient of flat/kernel is not finite"),
    "loss_of_nothing": ("Added losses train weights", "the loss that layer penalty adds depends on no weight"),
    "leak": ("Scores each image alone", "layer centre gives an image something else"),
    "unused": ("Trains every weight", "selective/unused: the loss does not depend on it"),
    "cut_off": (
        "Trains every weight",
        "before/kernel and before/bias: the loss does not depend on it, since no gradient goes back through layer cut",
    ),
    "cut_inside": ("Trains every weight", "since no gradient goes back through layer box"),
    "cut_by_operation": ("Trains every weight", "since no gradient goes back through operation stop_gradient"),
    "cut_in_a_branch": ("Trains every weight", "since no gradient goes back through layer rounded"),
    "changes": ("Two builds agree", "odd/kernel begins with other values each time"),
    "unseeded_weights": ("Two builds agree", "odd/kernel begins with other values each time"),
}
NOT_RESUMED = {"tf_random", "numpy_random", "python_each_step", "keras_without_seed", "stateful"}
"""Faults for which the weights after resuming differ, too."""
REFUSED = {
    "softmax_twice": "from layer once, are never negative and add up to 1 for every image",
    "training_of_its_own": "a Mine with a train_step of its own, which a study does not call",
    "compiled": "returned a compiled model: leave out compile()",
}
SOUND = (
    *("mlp", "convnet", "unbuilt", "tuner_example", "resnet", "xception", "mobilenet", "efficientnet", "vit"),
    *("convmixer", "augmented", "custom", "seeded_noise", "regularised", "subclassed", "squeezed", "dense_net"),
    *("recurrent", "gated", "recurrent_both_ways", "recurrent_convolution", "recurrent_cells", "looping"),
)


@pytest.fixture(scope="module")
def prove(tmp_path_factory):
    """Gives the findings of a function of a file, on a few small images, as `sweep.training.prove` does."""
    folder = tmp_path_factory.mktemp("proved")
    source = np.random.default_rng(0)
    labels = source.integers(0, 3, 48).astype(np.uint8)
    images = (60 * labels[:, None, None, None] + source.integers(0, 60, (48, 32, 32, 3))).astype(np.uint8)
    data = str(folder / "images.npz")
    np.savez(data, x_train=images, y_train=labels, x_test=images[:8], y_test=labels[:8])

    def proof(file, name):
        base = Configuration.of(Function.read(OWN / file, name), {"batch_size": 8, "learning_rate": 1e-3})
        run = Run(base, 0, data, load_dataset(data).digest, Split(0, 8, 32))
        return Proof(run, 1000, 100, 10**12)

    with process_of_one_thread() as one, process_of_one_thread() as two:

        def examined(file, name):
            given, state = proof(file, name), folder / f"{name}.npz"
            first = one.submit(examine, given, state).result()
            return conclude(first, *two.submit(resume, given, state).result())

        examined.at_the_start = lambda file, name: one.submit(begin, proof(file, name)).result()
        yield examined


def failing(findings):
    return {each.check: each.detail for each in findings if not each.holds}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_layer(prove, name):
    check, says = FAULTS[name]
    found = failing(prove("faults.py", name))
    assert says in found.pop(check), found
    assert ("Resumes to the bit" in found) >= (name in NOT_RESUMED)
    allowed = {"Resumes to the bit"} | ({"Two builds agree"} if name == "changes" else set())
    assert name in ("not_finite", "gradient_not_finite") or set(found) <= allowed


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_would_be_trained_otherwise_than_it_says_is_refused(prove, name):
    with pytest.raises(InputError, match=REFUSED[name]):
        prove("faults.py", name)


@pytest.mark.parametrize(
    ("name", "says"), [("compiled", "a compiled model"), ("two_outputs", "1 inputs and 2 outputs")]
)
def test_an_architecture_that_studies_do_not_train_is_refused(prove, name, says):
    with pytest.raises(InputError, match=says):
        prove("architectures.py", name)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_architecture_passes(prove, name):
    found = prove("architectures.py", name)
    assert failing(found) == {}
    assert len(found) == 10


@pytest.mark.parametrize(
    "name", ["tf_random", "numpy_random", "stateful", "normalised_in_training", "unseeded_weights"]
)
def test_a_study_finds_at_its_start_what_makes_runs_inexact(prove, name):
    check, says = FAULTS[name]
    assert says in failing(prove.at_the_start("faults.py", name))[check]


@pytest.mark.parametrize("name", ["mlp", "convnet", "seeded_noise", "recurrent", "recurrent_both_ways"])
def test_a_sound_network_passes_at_the_start_of_its_study(prove, name):
    found = prove.at_the_start("architectures.py", name)
    assert failing(found) == {}
    assert len(found) == 5
