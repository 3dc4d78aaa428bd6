"""Every training here runs in a process with one thread: see `samples.training`."""

import gc
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from samples.training import (
    keras_augmented,
    keras_loss,
    keras_optimizer,
    mnist,
    process_of_one_thread,
    run_of,
    without_time,
)

from sweep.data.dataset import Dataset, Split, load_dataset
from sweep.data.kept import Index, keep_arrays
from sweep.data.metric import score

VARIED = {
    "translation_factor": 0.1, "rotation_factor": 0.05, "zoom_factor": 0.1, "contrast_factor": 0.2,
    "brightness_factor": 0.1, "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip
EVERYTHING = {"dropout": 0.5, "batch_norm": True, "optimizer": "adamw", "schedule": "cosine"} | VARIED
"""All that keeps a state between epochs."""


@pytest.fixture(scope="module")
def processes():
    """Two processes that start at the same time. One has trained nothing before, the other has trained other shapes."""
    with process_of_one_thread() as fresh, process_of_one_thread() as warm:
        first = fresh.submit(trained, run_of(**EVERYTHING))
        warm.submit(
            trained,
            run_of(seed=6, batch_size=50, conv1_filters=7, extra_blocks=1, conv3_kernel_size=1, batch_norm=True),
            1,
        )
        later = warm.submit(trained, run_of(**EVERYTHING))
        yield warm, fresh, first.result(), later.result()


@pytest.fixture
def call(processes):
    """Calls a function in the process that has trained other shapes before."""
    return lambda function, *arguments: processes[0].submit(function, *arguments).result()


@pytest.fixture
def both(processes):
    """Calls a function with two lists of arguments, in both processes at once."""

    def call_both(function, one, other):
        futures = [process.submit(function, *given) for process, given in zip(processes, (one, other), strict=False)]
        return [future.result() for future in futures]

    return call_both


@pytest.fixture
def first(processes):
    """The run with every feature, trained in a fresh process."""
    return processes[2]


@pytest.fixture
def later(processes):
    """The same run, trained in the process that has trained other shapes."""
    return processes[3]


class Trained(NamedTuple):
    curve: list
    weights: list

    def __eq__(self, other):
        return self.curve == other.curve and all(map(np.array_equal, self.weights, other.weights))


@cache
def images_of(split):
    from sweep.training.loop import Images

    return Images(mnist(), split)


def start(run, dataset=None):
    from sweep.training.loop import Images, Training

    return Training(run, images_of(run.split) if dataset is None else Images(dataset, run.split))


def result(training):
    weights = [np.asarray(variable) for variable in training.model.variables]
    return Trained(without_time(training.curve), weights)


def trained(run, epochs=3, dataset=None):
    if dataset == "by keras":
        return trained_by_keras(run, epochs)
    training = start(run, dataset)
    for _ in range(epochs):
        training.advance()
    return result(training)


def trained_by_keras(run, epochs):
    """The same with `train_on_batch`. An epoch's metrics are the means over its images during the epoch.

    They are plain, whatever the loss.
    """
    import keras

    from sweep.data.partition import partition

    part, configuration = partition(mnist(), run.split), run.configuration
    keras.utils.clear_session()
    keras.utils.set_random_seed(run.seed)
    network = configuration.build(mnist().image_shape, mnist().classes)
    model = keras_augmented(network, configuration)
    plain = keras.metrics.CategoricalCrossentropy(from_logits=True)
    model.compile(
        keras_optimizer(configuration, steps=25), keras_loss(configuration), metrics=[plain, "accuracy"],
        jit_compile=False,
    )  # fmt: skip
    counts = np.bincount(part.y_train)
    weights = dict(enumerate(len(part.y_train) / (10 * counts))) if configuration.class_weight == "balanced" else None
    y_train, y_score = (keras.utils.to_categorical(labels, 10) for labels in (part.y_train, part.y_score))
    curve = []
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([run.seed, epoch]).permutation(len(part.y_train))
        sums = np.zeros(2)
        for begin in range(0, len(order), configuration.batch_size):
            batch = order[begin : begin + configuration.batch_size]
            model.reset_metrics()
            pixels = part.x_train[batch].astype(np.float32)
            _, *means = model.train_on_batch(pixels, y_train[batch], class_weight=weights)
            sums += np.array(means) * len(batch)
        _, *scores = model.evaluate(part.x_score.astype(np.float32), y_score, batch_size=300, verbose=0)
        curve.append((epoch, *sums / len(order), *scores))
    return Trained(curve, [np.asarray(variable) for variable in network.variables])


def scored_beside_predictions(run):
    training = start(run)
    for _ in range(2):
        training.advance()
    return result(training), training.predict()


def branched(run, epochs, path):
    """A run that begins with the state of another one, of so many epochs, at the end of the hold that they share."""
    other = start(run.with_epochs(epochs))
    for _ in range(run.held_with(epochs)):
        other.advance()
    other.save(path)
    training = start(run)
    training.restore(path)
    while training.epochs < run.configuration.epochs:
        training.advance()
    return result(training)


@pytest.mark.parametrize("epochs", [3, 7])
def test_a_run_that_begins_where_another_ones_hold_ends_is_the_same_to_the_bit(both, epochs, tmp_path):
    run = run_of(dropout=0.3, batch_norm=True, schedule="warm-hold-cool", horizon=6, epochs=5, **VARIED)
    assert run.held_with(epochs) == min(epochs, 5) - 2
    whole, begun = both(trained, (run, 5), (run, 0))[0], None
    begun = both(branched, (run, epochs, tmp_path / "one.npz"), (run, epochs, tmp_path / "two.npz"))
    assert whole == begun[0] == begun[1]


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_a_metric_is_that_of_the_predictions_and_nothing_else_differs(both, metric):
    run = run_of()
    (usual, _), (found, predictions) = both(scored_beside_predictions, [run], [replace(run, metric=metric)])
    _, held_out = run.split.indices(mnist().y_train)
    assert found.curve[-1][-1] == score(metric, predictions, mnist().y_train[held_out])
    assert found.curve[-1][-1] != usual.curve[-1][-1]
    assert [place[:-1] for place in found.curve] == [place[:-1] for place in usual.curve]
    assert all(map(np.array_equal, usual.weights, found.weights))


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "sgd", "momentum": 0.8, "learning_rate": 0.01},
        {"optimizer": "sgd", "momentum": 0.0},
        {"optimizer": "rmsprop"},
        {"optimizer": "adamw", "weight_decay": 0.1, "rescale": False, "learning_rate": 1e-4},
        {"optimizer": "adamw", "weight_decay": 0.0, "rescale": False, "learning_rate": 1e-4},
        {"batch_norm": True, "optimizer": "sgd", "learning_rate": 1e-4},
        {"optimizer": "sgd", "weight_decay": 0.1, "learning_rate": 0.01},
        {"optimizer": "rmsprop", "weight_decay": 0.1},
        {"optimizer": "adam", "weight_decay": 0.1, "rescale": False, "learning_rate": 1e-4},
        {"optimizer": "sgd", "clip_norm": 0.1, "learning_rate": 0.01},
        {"optimizer": "rmsprop", "clip_norm": 0.05},
        {"optimizer": "sgd", "label_smoothing": 0.1, "learning_rate": 0.01},
        {"optimizer": "sgd", "class_weight": "balanced", "learning_rate": 0.01},
        {"optimizer": "sgd", "schedule": "cosine", "learning_rate": 0.02},
        *({"optimizer": "sgd", "learning_rate": 0.01, name: value} for name, value in VARIED.items()),
        {"optimizer": "sgd", "learning_rate": 0.01} | VARIED,
        {"schedule": "exponential", "final_rate": 0.1, "horizon": 4, "rescale": False, "learning_rate": 1e-4},
        {"optimizer": "rmsprop", "weight_decay": 0.1, "schedule": "cosine", "warmup": 0.0, "final_rate": 0.2},
        {
            "optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 0.5, "label_smoothing": 0.2,
            "class_weight": "balanced", "rescale": False, "learning_rate": 1e-4,
        },
        {"rescale": False, "learning_rate": 1e-4},  # adam; its kind turns the noise in a vanishing gradient into steps
    ],
    ids=str,
)  # fmt: skip
def test_100_steps_without_dropout_equal_plain_keras_on_the_same_batches(both, values):
    """Compares weights, the training metrics of each batch, and the scores of `evaluate`."""
    run = run_of(seed=3, dropout=0.0, **values)
    ours, theirs = both(trained, (run, 4), (run, 4, "by keras"))
    np.testing.assert_allclose(ours.curve, theirs.curve, rtol=1e-5)
    for our, their in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-5 * max(np.abs(their).max(), 0.1))


def test_weight_decay_makes_adam_the_same_as_adamw(both):
    decay = {"weight_decay": 0.1, "learning_rate": 0.01}
    one, other = both(trained, (run_of(optimizer="adam", **decay), 1), (run_of(optimizer="adamw", **decay), 1))
    assert one == other


@pytest.mark.parametrize(
    "values",
    [
        {"weight_decay": 0.1},
        {"clip_norm": 1.0},
        {"label_smoothing": 0.1},
        {"class_weight": "balanced"},
        {"schedule": "exponential"},
        *({name: value} for name, value in VARIED.items()),
    ],
    ids=str,
)
def test_a_setting_that_is_off_adds_no_operation_to_the_graph(both, values):
    without, with_it = both(operations, (run_of(),), (run_of(**values),))
    assert Counter(with_it) - Counter(without)
    assert not {"OneHot", "SoftmaxCrossEntropyWithLogits", "ImageProjectiveTransformV3"} & set(without)


def operations(run):
    return operations_of(start(run)._train)


def operations_of(function):
    """The types of all operations of a graph, those in its loops included."""
    graph = function.get_concrete_function().graph.as_graph_def()
    functions = (node for function in graph.library.function for node in function.node_def)
    return [node.op for node in (*graph.node, *functions)]


def test_images_are_varied_in_training_alone_and_the_network_knows_nothing_of_it(both):
    """To the bit: the same network scores, by the same operations."""
    plain, varied = both(untrained, (run_of(),), (run_of(**VARIED),))
    assert plain == varied


def untrained(run):
    """What scores before anything is trained: sums of loss and hits, classes, operations, and the network's layers."""
    import tensorflow as tf

    training = start(run)
    images = len(training.predict())
    shown = training._images.x_score, training._images.y_score
    sums = training._score(*shown, tf.range(images), *map(tf.constant, (0, images, 0.0, 0.0)))
    layers = [layer.name for layer in training.model.layers]
    return [float(each) for each in sums], training.predict().tolist(), Counter(operations_of(training._score)), layers


@pytest.mark.parametrize("name", VARIED)
def test_each_image_is_varied_by_itself_and_stays_on_the_scale(call, name):
    images, again = call(varied_images, {name: VARIED[name]})
    assert images.min() >= -1e-3
    assert images.max() <= 1 + 1e-3
    different = [not np.allclose(one, other) for one, other in zip(images, again, strict=True)]
    assert sum(different) >= (12 if name in ("horizontal_flip", "vertical_flip") else 60)  # of 64
    assert {image.tobytes() for image in images} != {images[0].tobytes()}


def varied_images(values):
    """The same image 64 times, on a scale from 0 to 1, varied twice."""
    import tensorflow as tf

    from sweep.training._augmentation import Augmentation

    image = np.array(mnist().x_train[0], np.float32) / 255
    vary = tf.function(Augmentation(run_of(**values).configuration, (0.0, 1.0)))
    batch = tf.constant(np.repeat(image[None], 64, axis=0))
    return np.asarray(vary(batch)), np.asarray(vary(batch))


def test_a_network_has_the_same_initial_weights_however_images_are_varied(both):
    for one, other in zip(*both(initial, (run_of(),), (run_of(**VARIED),)), strict=True):
        np.testing.assert_array_equal(one, other)


def initial(run):
    return [np.asarray(variable) for variable in start(run).model.trainable_variables]


def test_in_bfloat16_images_are_varied_in_float32(call):
    rough = replace(run_of(dropout=0.0, **VARIED), precision="bfloat16")
    exact = replace(rough, precision="float32")
    np.testing.assert_allclose(call(trained, rough, 1).curve, call(trained, exact, 1).curve, atol=0.05)


def test_classes_are_balanced_by_their_numbers_of_images(call):
    assert call(weights_of, [0, 0, 0, 1], 3) == [4 / 9, 4 / 3, 4 / 3]  # of the last class, there is no image


def weights_of(labels, classes):
    from sweep.training._objective import balanced_weights

    return balanced_weights(np.array(labels), classes).tolist()


def test_losses_of_a_curve_are_plain_so_that_they_compare(both):
    """The first loss of a batch as large as the data is that of the initial weights, whatever is minimised."""
    plain, smoothed = both(trained, (run_of(batch_size=790), 1), (run_of(batch_size=790, label_smoothing=0.5), 1))
    assert plain.curve[0][1] == smoothed.curve[0][1]
    assert plain.weights[0].tolist() != smoothed.weights[0].tolist()


def test_a_tiny_networks_curve_equals_the_recorded_one(call):
    """The curve was recorded with Keras 3.15.1 and TensorFlow 2.21.0 on one thread of an x86-64 processor with AVX-512.

    The first digits are the same on any processor. If they change, every run changes: raise `TRAINING_VERSION`.
    """
    recorded = [
        (1, 2.2929, 0.1152, 2.2747, 0.1867),
        (2, 2.2363, 0.2000, 2.1962, 0.2433),
        (3, 2.1079, 0.2747, 1.9661, 0.3700),
    ]
    differences = np.abs(np.subtract(call(trained, run_of(dropout=0.2)).curve, recorded)).max(axis=0)
    assert (differences <= [0, 1e-3, 3e-3, 1e-3, 4e-3]).all(), differences  # an image or two may tip over


def test_bfloat16_is_for_layers_only_while_weights_and_scores_stay_float32(call):
    """The two curves agree in about three significant digits. There is no dropout, which would draw other numbers."""
    exact, rough = run_of(dropout=0.0), replace(run_of(dropout=0.0), precision="bfloat16")
    ours, theirs = call(trained, rough), call(trained, exact)
    assert ours.curve != theirs.curve
    np.testing.assert_allclose(ours.curve, theirs.curve, atol=0.05)
    assert {weight.dtype for weight in ours.weights} == {np.dtype("float32")}
    assert call(trained, exact) == theirs  # and the next run in float32 is as if there had been none


def test_batch_normalisation_scores_with_current_statistics(call):
    """With Keras's default momentum the statistics lag behind: after 63 batches the loss is 1.28 instead of 0.62."""
    (place,) = call(trained, run_of(split=Split(0, 2000, 2000), batch_norm=True, learning_rate=0.01), 1).curve
    _, loss, _, val_loss, _ = place
    assert val_loss < 0.6 * loss


def test_two_runs_with_the_same_fingerprint_are_bit_identical(both):
    one, other = both(trained, (run_of(),), (run_of(),))
    assert one == other


def test_a_run_after_other_networks_equals_the_run_in_a_fresh_process(first, later):
    assert later == first


def test_a_run_resumed_from_any_epoch_is_bit_identical(call, first, tmp_path):
    assert call(saved_and_restored, run_of(**EVERYTHING), 3, tmp_path) == [first] * 3


def saved_and_restored(run, epochs, folder):
    """The ends of the run from each of its checkpoints, restored into a training of another state."""
    training = start(run)
    for done in range(epochs):
        training.save(folder / f"{done}.npz")
        training.advance()
    other, results = start(replace(run, seed=9)), []
    other.advance()
    other.run = run
    for done in range(epochs):
        other.restore(folder / f"{done}.npz")
        while len(other.curve) < epochs:
            other.advance()
        results.append(result(other))
    return results


def test_a_run_stopped_at_any_step_resumes_bit_identically(call, tmp_path):
    """The run has two epochs. Each has seven training batches and three scoring batches."""
    run = run_of(split=Split(0, 300, 200), **EVERYTHING)
    assert call(stopped_at_every_step, run, tmp_path) == [True] * 20


def test_scoring_within_an_epoch_changes_nothing(call):
    undisturbed, looked_at, looks = call(looking, run_of(**EVERYTHING))
    assert looked_at == undisturbed
    assert looks == [0.1, 0.25, 1, 1.5, 2]


def looking(run):
    """The end of a run, its end if it is also scored within epochs, and the places where it was scored."""
    training = start(run)
    for place in (0.1, 0.25, 1, 1.5, 2):
        training.advance(place)
    looks = [place.epoch for place in training.curve]
    training.curve = [place for place in training.curve if place.epoch in (1, 2)]
    return trained(run, 2), result(training), looks


def test_a_training_cannot_go_back_along_its_curve(call):
    assert call(reachable, run_of()) == [True, True, False, True, True, True, False, False, True]


def reachable(run):
    training = start(run)
    first = [training.can_reach(0.25), training.can_reach(3)]
    training.advance(0.5)
    then = [training.can_reach(place) for place in (0.25, 0.5, 0.75, 1)]
    training.advance()
    return first + then + [training.can_reach(place) for place in (0.5, 0.99, 1)]


def stopped_at_every_step(run, folder, epochs=2):
    """Whether a run that is stopped at a step, saved and restored ends as the undisturbed run does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweep.training.loop.SCORING_BATCH", 100)
        undisturbed = trained(run, epochs)
        patch.setattr("sweep.training.loop.PART_SECONDS", 1e-9)
        training, paths = start(run), []
        training._trained.steps = training._scored.steps = 1
        while len(training.curve) < epochs:
            asked = iter([True, False])
            training.advance(go_on=lambda _, asked=asked: next(asked))
            paths.append(folder / f"{len(paths)}.npz")
            training.save(paths[-1])
        other = start(run)
        begun_anew = {4: start(run), 18: start(run)}
        return [
            result(gone_on(begun_anew.get(step, other), path, epochs)) == undisturbed for step, path in enumerate(paths)
        ]


def gone_on(training, path, epochs):
    training.restore(path)
    while len(training.curve) < epochs:
        training.advance()
    return training


def test_a_finished_training_leaves_no_graph_in_memory(call):
    """Otherwise the memory of a worker would grow by megabytes with every trial."""
    assert call(graphs_left_after, run_of(**EVERYTHING)) == 0


def graphs_left_after(run):
    trained(run, 1)
    gc.collect()
    return sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())


def test_a_checkpoint_appears_under_its_name_complete_or_not_at_all(call, tmp_path):
    assert call(saves_that_fail, run_of(), tmp_path) == [[], ["run.npz"], ["run.npz"]]


def saves_that_fail(run, folder):
    """The files after a failed save, a successful one and another failed one. The last file must be readable."""
    training, path = start(run), folder / "run.npz"
    seen = []
    for broken in (True, False, True):
        with pytest.MonkeyPatch.context() as patch:
            if broken:
                patch.setattr(np, "savez", half_a_save)
            try:
                training.save(path)
            except OSError:
                assert broken
        seen.append(sorted(file.name for file in folder.iterdir()))
    training.restore(path)
    return seen


def half_a_save(file, **_):
    file.write(b"PK\x03\x04 half a file")
    raise OSError(28, "No space left on device")


def test_a_learning_rate_far_too_high_gives_metrics_that_are_not_finite(call):
    run = run_of(optimizer="sgd", learning_rate=10.0, rescale=False)
    curve = call(advanced, run)
    assert not curve[-1].finite


def advanced(run):
    training = start(run)
    return [training.advance() for _ in range(2)]


def test_a_last_batch_of_one_image_is_trained_and_counted(call):
    steps, accuracy = call(one_epoch, run_of(split=Split(0, 300, 33)))
    assert steps == 2
    assert accuracy > 0
    assert accuracy * 33 == pytest.approx(round(accuracy * 33), abs=1e-4)


def one_epoch(run):
    training = start(run)
    metrics = training.advance()
    return int(training._practice.optimizer.iterations), metrics.accuracy


def test_a_batch_may_be_larger_than_the_dataset(both):
    larger, exact = both(trained, (run_of(batch_size=5000), 2), (run_of(batch_size=790), 2))
    assert larger == exact


def test_another_seed_gives_another_curve_and_other_weights(both):
    one, other = both(trained, (run_of(seed=0), 1), (run_of(seed=1), 1))
    assert one.curve != other.curve
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_pixels_given_as_float32_train_as_the_same_bytes_do(both):
    floats = replace(mnist(), x_train=mnist().x_train[:2000].astype(np.float32), y_train=mnist().y_train[:2000])
    bytes_ = replace(floats, x_train=mnist().x_train[:2000])
    one, other = both(trained, (run_of(), 2, floats), (run_of(), 2, bytes_))
    assert one == other


def test_images_that_stay_in_their_file_train_as_the_same_in_memory_do(both, tmp_path):
    """A part reads two batches at most."""
    few = {"x": mnist().x_train[:2000], "y": mnist().y_train[:2000]}
    index = Index("few", 1600, mnist().digest, [], "", pixels=vars(mnist().pixels))
    kept = keep_arrays(tmp_path / "images", index, [few["x"]], [few["y"]])
    mapped, held = both(trained_from, (kept, True), (kept, False))
    assert mapped == held


def trained_from(folder, mapped):
    from sweep.training import loop

    dataset, run = load_dataset(str(folder)), run_of(**EVERYTHING)
    if mapped:
        loop.PART_BYTES = 2 * 32 * 28 * 28
    else:
        dataset = replace(dataset, x_train=np.array(dataset.x_train), x_test=np.array(dataset.x_test))
    try:
        return trained(run, 2, dataset)
    finally:
        loop.PART_BYTES = 32_000_000


def test_a_network_learns_colour_images_from_bytes_and_from_fractions(both):
    """There are four classes. Each is a colour with noise."""
    generator = np.random.default_rng(0)
    labels = (np.arange(600) % 4).astype(np.int32)
    colours = np.array([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.9, 0.9, 0.1]])
    fractions = colours[labels][:, None, None, :] * generator.random((600, 32, 32, 3))  # (600, 32, 32, 3)
    bytes_ = (fractions * 255).astype(np.uint8)
    split = Split(0, 100, 500)
    results = both(
        trained,
        (run_of(split=split), 5, colour_images(bytes_, labels)),
        (run_of(split=split, rescale=False), 5, colour_images(fractions.astype(np.float32), labels)),
    )
    assert min(result.curve[-1][-1] for result in results) > 0.9


def colour_images(pixels, labels):
    return Dataset("colours", pixels, labels, pixels[:8], labels[:8], "digest")


def test_without_a_split_a_run_trains_on_all_training_images_and_is_scored_on_the_test_images(call):
    assert call(image_counts, None) == (60_000, 10_000)
    assert call(image_counts, Split(0, 300, 790)) == (790, 300)


def image_counts(split):
    images = images_of(split)
    return len(images.x_train), len(images.x_score)
