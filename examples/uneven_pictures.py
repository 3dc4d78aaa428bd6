"""A study on pictures of which one class is rare, scored by a metric that counts every class alike.

The script draws surfaces into the folder parts/: 900 are sound and 100 are scratched. A network that calls every
surface sound is right in 90 % of cases and useless. So balanced accuracy scores the trials, and one of the choices is
whether rare classes weigh more in training. The best trial is confirmed by the same metric on fresh seeds.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import sweep

COUNTS = {"scratched": 100, "sound": 900}
SIZE = 16


def draw(kind: str, source: np.random.Generator) -> Image.Image:
    """A noisy grey surface, (SIZE, SIZE) pixels, with a bright line across if it is scratched."""
    pixels = source.integers(60, 140, size=(SIZE, SIZE))
    if kind == "scratched":
        rows = np.linspace(*source.integers(1, SIZE - 1, size=2), SIZE).round().astype(int)
        pixels[rows, np.arange(SIZE)] += 115
    return Image.fromarray(pixels.astype(np.uint8))


def main() -> None:
    source = np.random.default_rng(0)
    for kind, count in COUNTS.items():
        folder = Path("parts", kind)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw(kind, source).save(folder / f"{number:03}.png")

    study = sweep.Study(
        name="parts",
        data="parts",
        metric="balanced_accuracy",
        validation=0.3,
        trials=4,
        base={
            "conv1_filters": 8,
            "conv1_kernel_size": 3,
            "conv2_filters": 8,
            "conv2_kernel_size": 3,
            "dense_units": 32,
            "batch_size": 32,
            "learning_rate": 0.003,
            "epochs": 8,
            "rescale": True,
        },
        space={
            "class_weight": sweep.Choice(("none", "balanced")),
            "learning_rate": sweep.Float(1e-3, 1e-2, log=True),
        },
    )
    sweep.run(study)
    print(sweep.confirm("parts", top=1, seeds=3))


if __name__ == "__main__":
    main()
