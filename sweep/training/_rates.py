"""The learning rate of every step: constant, or a schedule over a horizon."""

import math
from collections.abc import Callable
from typing import Any, cast

import tensorflow as tf

from sweep.models.parameters import LEAST_FINAL_RATE
from sweep.space.configuration import Configuration

Share = Callable[[tf.Tensor], tf.Tensor]
"""A step, counted from 0, as float32 -> the share of the full learning rate."""


def rates(configuration: Configuration, steps: int) -> Callable[[Any], Any]:
    """A function rate(step): the learning rate of a step, counted from 0. An epoch has `steps` of them.

    It depends on the step alone, so a run that resumes has the rates of one that never stopped. A constant rate is a
    plain number, which adds no operation to a graph.

    Sources: Loshchilov and Hutter, arXiv:1608.03983, equation 5 (cosine); Haegele et al., arXiv:2405.18392, section 3
    (warm-hold-cool, with their cooldown of "1-sqrt"). `cosine` and `exponential` are as Keras's schedules.
    """
    full, values = configuration.learning_rate, cast("dict[str, Any]", configuration.values())
    if configuration.schedule == "constant":
        return lambda _: full
    share = {"cosine": _cosine, "exponential": _exponential, "warm-hold-cool": _warm_hold_cool}[configuration.schedule]
    each = share(values, values["horizon"] * steps, values["epochs"] * steps)
    return lambda step: full * each(tf.cast(step, tf.float32))


def _cosine(values: dict[str, Any], horizon: int, end: int) -> Share:
    warm, final = values["warmup"] * horizon, values["final_rate"]

    def share(step: tf.Tensor) -> tf.Tensor:
        done = tf.clip_by_value((step - warm) / (horizon - warm), 0.0, 1.0)
        falling = final + (1 - final) * 0.5 * (1 + tf.cos(math.pi * done))
        return tf.where(step < warm, step / warm, falling) if warm else falling

    return share


def _exponential(values: dict[str, Any], horizon: int, end: int) -> Share:
    final = max(values["final_rate"], LEAST_FINAL_RATE)
    return lambda step: tf.pow(final, step / horizon)


def _warm_hold_cool(values: dict[str, Any], horizon: int, end: int) -> Share:
    """The hold is common to all numbers of epochs: a cooldown of the same length ends each run."""
    warm, final = values["warmup"] * horizon, values["final_rate"]
    cool = min(values["cooldown"] * horizon, end)

    def share(step: tf.Tensor) -> tf.Tensor:
        rising = tf.minimum(step / warm, 1.0) if warm else 1.0
        cooled = tf.clip_by_value((step - (end - cool)) / cool, 0.0, 1.0) if cool else 0.0
        return rising * (1 - (1 - final) * tf.sqrt(cooled))

    return share
