"""The experiments of `sweep.training.prove`, in the processes in which networks are built and trained."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sweep.data.dataset import Dataset, load_dataset
from sweep.data.partition import Partition, partition
from sweep.system.processes import peak_memory
from sweep.training._calls import Call, Outputs, calls_of, outputs_of
from sweep.training._cuts import cut_behind
from sweep.training._practice import added_losses
from sweep.training.finding import Digests, Examined, Finding, Proof, agreements
from sweep.training.loop import Images, Training
from sweep.wording import duration, several, size, some_of

COMPANY = 8
"""So many images are scored together, and the first of them alone."""
BATCH = 32
"""So many images show whether weights have gradients."""
MOST_NAMED = 5
"""So many weights are named, and the others counted."""
ROUNDING = 1e-6
SUMMED_OTHERWISE = {"float32": 1e-3, "bfloat16": 0.1}
"""Batches of other sizes are summed up in another order: the share of the largest output that this may change."""

Gradients = list[NDArray[np.float64] | None]
"""Of the loss, for each weight that is trained; None: the loss does not depend on it."""


def exactness(proof: Proof, dataset: Dataset, state: Path) -> list[Finding]:
    """Whether a run is the same whenever it is trained, with the blamed layer last; it resumes in another graph."""
    images = Images(dataset, proof.run.split)
    spare, training = Training(proof.run, images), Training(proof.run, images)
    examined = _exactness(proof, spare, training, dataset, state)
    return [*agreements(examined, *_resumed(proof, images, state), "in another graph"), *examined.findings]


def _exactness(proof: Proof, spare: Training, training: Training, dataset: Dataset, state: Path) -> Examined:
    """What two builds of the network tell. `training` leaves a checkpoint in the middle, in `state`."""
    builds = [_digests(spare), _digests(training)]
    calls = [calls_of(spare.model, dataset.image_shape), calls_of(spare.model, dataset.image_shape)]
    few = partition(dataset, proof.run.split)
    findings = [_draws(*calls), _state(calls[1]), _alone(spare.model, few, proof.run.precision)]
    training.advance(0.5)
    training.save(state)
    training.advance(1)
    return Examined(findings, builds, _digests(training))


def examine(proof: Proof, dataset: Dataset, state: Path) -> Examined:
    images, few = Images(dataset, proof.run.split), partition(dataset, proof.run.split)
    spare, training = Training(proof.run, images), Training(proof.run, images)
    exact = _exactness(proof, spare, training, dataset, state)
    first, added = _gradients(spare.model, few)
    findings = [*exact.findings, _finite(spare.model, few, first), added]
    frozen, random = _frozen(proof, training.model, images)
    gradients = zip(first, _gradients(training.model, few)[0], strict=True)
    findings.append(_trained(training.model, few, gradients, frozen, random))
    taken = _seconds(proof, training)
    findings.append(Finding("Seconds per epoch", True, f"about {duration(taken)} on one core of this machine"))
    needed = peak_memory() + dataset.x_train.nbytes
    said = f"a worker takes about {size(needed)}, and there are {size(proof.memory)} for it"
    return replace(exact, findings=[*findings, Finding("Fits into memory", needed <= proof.memory, said)])


def resume(proof: Proof, state: Path) -> tuple[Digests, Digests]:
    return _resumed(proof, Images(load_dataset(proof.run.data), proof.run.split), state)


def _resumed(proof: Proof, images: Images, state: Path) -> tuple[Digests, Digests]:
    """The weights that a new network begins with, and those after it has gone on from `state`."""
    training = Training(proof.run, images)
    begun = _digests(training)
    training.restore(state)
    training.advance(1)
    return begun, _digests(training)


def _digests(training: Training) -> Digests:
    found = [(each.path, hashlib.sha256(np.asarray(each).tobytes()).hexdigest()) for each in training.model.variables]
    measured = [(each.epoch, each.loss, each.accuracy, each.val_loss) for each in training.curve]
    return [*found, ("the loss", repr(measured))]


def _draws(first: list[Call], second: list[Call]) -> Finding:
    """Whether a graph is always the same: what Python draws while it is made is a constant of every step."""
    check = "Draws anew in each step"
    for each, again in zip_longest(first, second):
        if each is None or again is None or each.layer != again.layer:
            return Finding(check, False, "the network calls other layers each time its graph is made")
        if again.drew:
            reason = "draws from Python's or NumPy's random numbers: once, while its graph is made, then never again"
            return Finding(check, False, f"layer {each.layer} {reason}. Use keras.random")
        if each.operations != again.operations and not again.foreign:  # else: see `_state`
            return Finding(check, False, f"layer {each.layer} computes something else each time its graph is made")
    return Finding(check, True)


def _state(calls: list[Call]) -> Finding:
    """Whether a checkpoint has all that decides what follows."""
    check = "Checkpoints have all state"
    for each in calls:
        for operation in each.stateful:
            seeded = "Use keras.random with a SeedGenerator that is an attribute of the layer"
            return Finding(
                check, False, f"layer {each.layer} calls {operation}, whose state is in no checkpoint. {seeded}"
            )
        for name in each.foreign:
            own = "Make it by add_weight, or by a SeedGenerator that is an attribute of the layer"
            return Finding(check, False, f"layer {each.layer} uses {name}, which is no variable of the network. {own}")
    return Finding(check, True)


def _alone(model: keras.Model, few: Partition, precision: str) -> Finding:
    """Whether an image gives the same whenever it is scored, whatever other images there are beside it."""
    check, company = "Scores each image alone", few.x_score[:COMPANY]
    together, again, alone = (outputs_of(model, images) for images in (company, company, company[:1]))
    if name := _unlike(together, again, ROUNDING):
        return Finding(
            check, False, f"layer {name} draws random numbers while it scores: is training=True in its call?"
        )
    if name := _unlike(together, alone, SUMMED_OTHERWISE[precision]):
        reason = "gives an image something else if others are beside it: is training=True in its call?"
        return Finding(check, False, f"layer {name} {reason}")
    return Finding(check, True)


def _unlike(together: Outputs, others: Outputs, share: float) -> str:
    """The first layer whose outputs differ; empty if those of the network do not."""
    differing = [
        name
        for (name, one), (_, other) in zip(together, others, strict=False)
        if one.ndim and other.ndim and _differ(one[: len(other)], other, share)
    ]
    (_, one), (_, other) = together[-1], others[-1]
    return (differing or [""])[0] if _differ(one[: len(other)], other, share) else ""


def _differ(one: NDArray[np.float64], other: NDArray[np.float64], share: float) -> bool:
    if one.shape != other.shape:
        return False  # not a batch of images
    finite = np.isfinite(one) & np.isfinite(other)
    largest = np.abs(one[finite]).max(initial=0.0)
    return bool(np.abs(one - other)[finite].max(initial=0.0) > share * largest)


def _gradients(model: keras.Model, few: Partition) -> tuple[Gradients, Finding]:
    """Those of a batch at the weights that there are; and whether each loss that a layer adds depends on any."""
    weights = [each.value for each in model.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        loss, added = _loss(model, few), added_losses(model)
        by_layer = [(layer.name, each) for layer in model._flatten_layers() for each in layer._losses]
    found = [None if each is None else tf.convert_to_tensor(each) for each in tape.gradient(loss, weights)]
    without = [name for name, each in by_layer if all(one is None for one in tape.gradient(each, weights))]
    check = "Added losses train weights"
    if without:
        return _as_arrays(found), Finding(check, False, f"the loss that layer {without[0]} adds depends on no weight")
    said = f"{several(len(added), 'loss', 'losses')} of regularisers and add_loss" if added else "there are none"
    return _as_arrays(found), Finding(check, True, said)


def _loss(model: keras.Model, few: Partition) -> tf.Tensor:
    """That of a batch in training, with what layers add."""
    logits = model(tf.cast(few.x_train[:BATCH], model.compute_dtype), training=True)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(few.y_train[:BATCH], tf.cast(logits, tf.float32))
    return tf.add_n([tf.reduce_mean(losses), *added_losses(model)])


def _as_arrays(gradients: Iterable[tf.Tensor | None]) -> Gradients:
    return [None if each is None else np.asarray(tf.cast(each, tf.float64)) for each in gradients]


def _finite(model: keras.Model, few: Partition, gradients: Gradients) -> Finding:
    check = "Begins with finite numbers"
    for name, each in outputs_of(model, few.x_train[:COMPANY]):
        if not np.isfinite(each).all():
            return Finding(check, False, f"layer {name} gives numbers that are not finite before anything is trained")
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        if gradient is not None and not np.isfinite(gradient).all():
            return Finding(check, False, f"the gradient of {weight.path} is not finite before anything is trained")
    return Finding(check, True)


def _trained(
    model: keras.Model,
    few: Partition,
    gradients: Iterable[tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]],
    frozen: list[str],
    random: list[str],
) -> Finding:
    """Whether each weight has a gradient, at the start or after the few batches, or is frozen on purpose."""
    check = "Trains every weight"
    if not model.trainable_variables:
        return Finding(
            check,
            False,
            f"all weights are frozen: {some_of(frozen, MOST_NAMED, 'weight')}" if frozen else "there are no weights",
        )
    if random:
        return Finding(
            check, False, f"{some_of(random, MOST_NAMED, 'weight')}: frozen at random values, which nothing ever trains"
        )
    dead = [
        weight
        for weight, both in zip(model.trainable_variables, gradients, strict=True)
        if not any(each is not None and each.any() for each in both)
    ]
    if dead:
        cut = cut_behind(dead[0], partial(_loss, model, few))
        why = f"since no gradient goes back through {cut}" if cut else "so nothing trains it"
        named = some_of([each.path for each in dead], MOST_NAMED, "weight")
        return Finding(check, False, f"{named}: the loss does not depend on it, {why}")
    return Finding(check, True, f"frozen: {some_of(frozen, MOST_NAMED, 'weight')}" if frozen else "")


def _frozen(proof: Proof, model: keras.Model, images: Images) -> tuple[list[str], list[str]]:
    """The paths of weights that are frozen; and of those among them that another seed gives other values."""
    paths = [each.path for each in _frozen_weights(model)]
    if not paths:
        return [], []
    other = Training(replace(proof.run, seed=proof.run.seed + 1), images).model
    pairs = zip(_frozen_weights(model), _frozen_weights(other), strict=True)
    return paths, [one.path for one, two in pairs if not np.array_equal(np.asarray(one), np.asarray(two))]


def _frozen_weights(model: keras.Model) -> list[keras.Variable]:
    of_layers = [each for layer in model._flatten_layers() for each in layer._trainable_variables]
    return [each for each in of_layers if not each.trainable]


def _seconds(proof: Proof, training: Training) -> float:
    """What an epoch of the study takes: its images are trained on, then others score."""
    again = training.advance()
    assert again is not None
    training.predict()  # which makes its graph
    begun = time.perf_counter()
    scored = len(training.predict())
    scoring = time.perf_counter() - begun
    assert proof.run.split is not None
    assert proof.run.split.train_size is not None
    training_alone = max(0.0, again.seconds - scoring)
    return training_alone * proof.images / proof.run.split.train_size + scoring * proof.scored / scored
