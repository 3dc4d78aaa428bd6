"""A study on pictures of one's own, from their folder to the class of a picture.

The script draws small colour pictures into the folder shapes/, in a folder for each class. It runs a study on them,
exports the best network, and asks it for the class of a picture. Put your own folder there instead.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import sweep

CLASSES = ("bars", "crosses", "rings")
SIZE = 16


def draw(shape: str, source: np.random.Generator) -> Image.Image:
    """A noisy picture of a shape in a random colour, (SIZE, SIZE) pixels."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    row, column = source.integers(5, SIZE - 5, size=2)
    inside = {
        "bars": np.abs(rows - row) < 2,
        "crosses": (np.abs(rows - row) < 2) | (np.abs(columns - column) < 2),
        "rings": np.abs(np.hypot(rows - row, columns - column) - 4) < 1,
    }[shape]
    pixels = source.integers(0, 80, size=(SIZE, SIZE, 3))
    pixels[inside] += source.integers(80, 170, size=3)
    return Image.fromarray(pixels.astype(np.uint8))


def main() -> None:
    source = np.random.default_rng(0)
    for shape in CLASSES:
        folder = Path("shapes", shape)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(200):
            draw(shape, source).save(folder / f"{number:03}.png")

    study = sweep.Study(
        name="shapes",
        data="shapes",
        validation=0.2,
        trials=3,
        base={
            "conv1_filters": 8,
            "conv1_kernel_size": 3,
            "conv2_filters": 8,
            "conv2_kernel_size": 3,
            "dense_units": 32,
            "batch_size": 32,
            "learning_rate": 0.003,
            "rescale": True,
        },
        space={"learning_rate": sweep.Float(1e-3, 1e-2, log=True)},
    )
    print(sweep.run(study))
    sweep.export("shapes", "network")
    draw("rings", source).save("ring.webp")
    (seen,) = sweep.predict("network", "ring.webp")
    print(f"ring.webp: {seen.name or 'nothing found'}")


if __name__ == "__main__":
    main()
