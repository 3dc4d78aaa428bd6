"""A study on pictures that a CSV file names, with the groups that belong together.

The script draws leaves of 40 plants, 10 pictures of each, into one folder, and writes leaves.csv beside it: the path of
each picture, the species as its label, and the plant as its group. Pictures of a plant are alike, so all of them are in
one part: a network that knows a plant by heart gains nothing from that when it is scored.
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

import sweep

SPECIES = ("ash", "birch")
PLANTS = 40
SIZE = 16


def draw(species: str, plant: int, source: np.random.Generator) -> Image.Image:
    """A leaf in the colour of its plant, (SIZE, SIZE) pixels: long if it is of an ash, round if of a birch."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE / 2 + source.uniform(-2, 2, size=(2, 1, 1))
    height = {"ash": 7, "birch": 4}[species]
    inside = (rows / height) ** 2 + (columns / 4) ** 2 < 1
    pixels = source.integers(0, 60, size=(SIZE, SIZE, 3))
    pixels[inside] += np.random.default_rng(plant).integers(60, 190, size=3)
    return Image.fromarray(pixels.astype(np.uint8))


def main() -> None:
    source = np.random.default_rng(0)
    Path("leaves").mkdir(exist_ok=True)
    rows = [("path", "label", "group")]
    for plant in range(PLANTS):
        species = SPECIES[plant % 2]
        for number in range(10):
            path = f"leaves/{plant:02}-{number}.png"
            draw(species, plant, source).save(path)
            rows.append((path, species, f"plant {plant}"))
    with Path("leaves.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)

    study = sweep.Study(
        name="leaves",
        data="leaves.csv",
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


if __name__ == "__main__":
    main()
