"""How much a worker's memory grows with the trials it has trained.

    python benchmarks/memory.py [--trials 200]

One process trains trial after trial, of mixed shapes, drawn from a small space with a fixed seed, two epochs each on
a part of MNIST. Prints its resident memory as it goes, and the slope over the last three quarters.
"""

import argparse
import gc
import os
import random
from pathlib import Path
from statistics import linear_regression

from sweep.data.dataset import Split, load_dataset
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Space

SPACE = Space(
    {
        "conv1_filters": Choice((4, 8, 16, 32)),
        "conv2_kernel_size": Choice((1, 3, 5)),
        "extra_blocks": Choice((0, 1)),
        "dense_units": Choice((16, 64, 256)),
        "dropout": Choice((0.0, 0.2)),
        "batch_size": Choice((32, 64, 128)),
        "batch_norm": Choice((False, True)),
    },
    Configuration(),
)


def resident() -> float:
    """This process's resident memory, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    from sweep.training.loop import Images, Training, set_up

    set_up(1)
    dataset, split = load_dataset("mnist"), Split(0, 500, 1000)
    images = Images(dataset, split)
    source = random.Random(0)
    used = []
    for number in range(options.trials):
        configuration = SPACE.configuration(SPACE.sample(source))
        training = Training(Run(configuration, number, "mnist", dataset.digest, split), images)
        training.advance()
        training.advance()
        del training
        gc.collect()
        used.append(resident())
        if number % 20 == 19:
            print(f"{number + 1:4} trials: {used[-1]:7.0f} MB", flush=True)
    begin = options.trials // 4
    slope, _ = linear_regression(range(begin, options.trials), used[begin:])
    print(f"growth over the last three quarters: {slope:.2f} MB a trial")


if __name__ == "__main__":
    main()
