"""Where the time of one training step goes, on one thread: each part added to the ones before it.

    python benchmarks/step.py [--repetitions 5]

Every variant is one compiled loop over the same batches of MNIST, as in `sweep.training.loop`; the variants take turns.
The floor is the step's arithmetic (three forward passes) at the rate of TensorFlow's matrix product.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from sweep.data.dataset import Split, load_dataset
from sweep.models.tutorial.parameters import Network
from sweep.models.tutorial.shapes import architecture
from sweep.space.configuration import Configuration

SMALL = {
    "conv1_filters": 8, "conv1_stride": 2, "conv2_filters": 16, "conv2_kernel_size": 3,
    "pool2_size": 0, "dense_units": 64, "batch_size": 32,
}  # fmt: skip
STEPS = {"baseline": 40, "small": 400}


def variants(configuration: Configuration, steps: int) -> dict[str, Callable[[], Any]]:
    """Compiled loops of `steps` steps, by what they do."""
    import keras
    import tensorflow as tf

    from sweep.training._kernels import call
    from sweep.training._optimizers import Optimizer
    from sweep.training.loop import Images

    images = Images(load_dataset("mnist"), Split())
    model = configuration.build(images.shape, images.classes)
    theirs = keras.optimizers.Adam(configuration.learning_rate)
    theirs.build(model.trainable_variables)
    fused = Optimizer(configuration, [variable.value for variable in model.trainable_variables], steps=1)
    order = tf.random.shuffle(tf.range(steps * configuration.batch_size))

    def batch(number: Any) -> Any:
        size = configuration.batch_size
        index = tf.ensure_shape(order[number * size : (number + 1) * size], [size])
        return tf.cast(tf.gather(images.x_train, index), tf.float32), tf.gather(images.y_train, index)

    def forward(number: Any) -> Any:
        pixels, labels = batch(number)
        logits = call(model, pixels, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    def backward(number: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = forward(number)
        return loss, tape.gradient(loss, model.trainable_variables)

    def with_theirs(number: Any) -> Any:
        loss, gradients = backward(number)
        theirs.apply(gradients, model.trainable_variables)
        return loss

    def with_fused(number: Any) -> Any:
        loss, gradients = backward(number)
        fused.apply(gradients)
        return loss

    def loop(step: Callable[[Any], Any]) -> Callable[[], Any]:
        @tf.function  # type: ignore[untyped-decorator]
        def looped() -> Any:
            total = tf.constant(0.0)
            for number in tf.range(steps):
                total += step(number)
            return total

        return looped  # type: ignore[no-any-return]

    return {
        "gather and cast": loop(lambda number: batch(number)[0][0, 0, 0, 0]),
        "+ forward": loop(forward),
        "+ backward": loop(lambda number: _all(*backward(number))),
        "+ Keras's Adam": loop(with_theirs),
        "+ fused Adam instead": loop(with_fused),
    }


def _all(loss: Any, gradients: list[Any]) -> Any:
    import tensorflow as tf

    return loss + sum(tf.reshape(gradient, [-1])[0] for gradient in gradients)


def matrix_product_rate(size: int = 2048) -> float:
    """Floating-point operations a second of TensorFlow's float32 matrix product in this process; the best of five."""
    import tensorflow as tf

    left = tf.random.normal((size, size))

    @tf.function  # type: ignore[untyped-decorator]
    def product() -> Any:
        return tf.reduce_sum(left @ left)

    return 2 * size**3 / min(_seconds(product) for _ in range(6))


def _seconds(compiled: Callable[[], Any]) -> float:
    started = time.perf_counter()
    compiled().numpy()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["OMP_NUM_THREADS"] = "1"
    from sweep.training.loop import set_up

    set_up(1)
    for name, values in {"baseline": {}, "small": SMALL}.items():
        configuration = Configuration().replaced(values)
        loops = variants(configuration, STEPS[name])
        times: dict[str, list[float]] = {part: [] for part in loops}
        for compiled in loops.values():
            compiled()
        for _ in range(options.repetitions):
            for part, compiled in loops.items():
                times[part].append(1000 * _seconds(compiled) / STEPS[name])
        rate = matrix_product_rate()
        flops = 3 * architecture(Network.of(configuration.values()), (28, 28, 1), 10).flops * configuration.batch_size
        print(f"{name}: ms a step of {configuration.batch_size} images, median (low - high)")
        for part, each in times.items():
            print(f"  {part:24}{median(each):9.3f}  ({min(each):.3f} - {max(each):.3f})")
        print(f"  {'floor':24}{1000 * flops / rate:9.3f}  at {rate / 1e9:.0f} GFLOP/s\n")


if __name__ == "__main__":
    main()
