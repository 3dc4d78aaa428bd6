"""Is a network of one's own as fast as the built-in one? The tutorial's network both ways, in turns, on one thread.

    python benchmarks/own_network.py [--repetitions 7] [--images 10000]

The function builds the very same layers. Each repetition trains one epoch of each on the same images of MNIST and
scores 1,000 others. The order changes from repetition to repetition. The target is a ratio within 3 % of 1.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from sweep.data.dataset import Split, load_dataset
from sweep.models.function import Function
from sweep.runs import Run
from sweep.space.configuration import Configuration

TARGET = 0.03
SCORED = 1_000
FUNCTION = """
import keras
from keras import layers


def build(image_shape, classes, *, filters: int = 32, kernel: int = 5, units: int = 1024, rate: float = 0.2):
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(filters, kernel, activation="relu")(inputs)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(2 * filters, kernel, activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Dense(units, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(layers.Dropout(rate)(x)))
"""


def measured(runs: dict[str, Run], repetitions: int) -> dict[str, list[float]]:
    """Epochs per second of each run, repetition by repetition; they take turns, and a first epoch of each is a warm-up.

    Raises:
        ValueError: the networks differ.
    """
    from sweep.training.loop import Images, Training

    images = Images(load_dataset("mnist"), next(iter(runs.values())).split)
    trainings = {name: Training(run, images) for name, run in runs.items()}
    shapes = {name: [tuple(each.shape) for each in one.model.weights] for name, one in trainings.items()}
    if len({str(each) for each in shapes.values()}) > 1:
        raise ValueError(f"The networks differ: {shapes}")
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for repetition in range(repetitions + 1):
        for name in sorted(runs, reverse=repetition % 2 == 1):
            epoch = trainings[name].advance()
            assert epoch is not None
            if repetition:
                rates[name].append(1 / epoch.seconds)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--images", type=int, default=10_000, help="training images, at most 59000")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    os.environ["OMP_NUM_THREADS"] = "1"
    from sweep.training.loop import set_up

    set_up(1)
    split = Split(0, SCORED, options.images)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.py"
        path.write_text(FUNCTION, encoding="utf-8")
        own = Configuration.of(Function.read(path, "build"), {})
        configurations = {"built-in": Configuration(), "function": own}
        runs = {name: Run(each, 0, "mnist", "", split) for name, each in configurations.items()}
        rates = measured(runs, options.repetitions)
    print(f"epochs of {options.images:,} images per second, median of {options.repetitions} (low - high)")
    for name, each in rates.items():
        print(f"  {name:10}{median(each):9.4f}  ({min(each):.4f} - {max(each):.4f})")
    pairs = [own / ours for own, ours in zip(rates["function"], rates["built-in"], strict=True)]
    ratio = median(pairs)
    within = "within" if abs(ratio - 1) <= TARGET else "OUTSIDE"
    print(f"  function / built-in: {ratio:.3f} ({min(pairs):.3f} - {max(pairs):.3f}), {within} 3 % of 1")


if __name__ == "__main__":
    main()
