"""A study on images of one's own.

The script draws small pictures of bars and crosses, writes them into shapes.npz, and runs a study on that file. Put
your own images there instead: x_train and x_test are (images, height, width) or (images, height, width, channels).
"""

import numpy as np

import sweep

SIZE = 16


def draw(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of three shapes, (images, SIZE, SIZE) from 0 to 255, and their labels, (images,).

    0 is a horizontal bar, 1 a vertical bar, 2 a cross.
    """
    source = np.random.default_rng(seed)
    labels = source.integers(3, size=images)
    pictures = source.integers(0, 100, size=(images, SIZE, SIZE))
    for picture, label in zip(pictures, labels, strict=True):
        row, column = source.integers(3, SIZE - 3, size=2)
        if label != 1:
            picture[row, 2:-2] += 120
        if label != 0:
            picture[2:-2, column] += 120
    return np.minimum(pictures, 255).astype(np.uint8), labels.astype(np.uint8)


def main() -> None:
    x_train, y_train = draw(1_000, seed=0)
    x_test, y_test = draw(200, seed=1)
    np.savez("shapes.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)

    study = sweep.Study(
        name="shapes",
        data="shapes.npz",
        validation=200,
        trials=4,
        base={
            "conv1_filters": 8,
            "conv2_filters": 8,
            "dense_units": 32,
            "batch_size": 32,
            "learning_rate": 0.001,
            "rescale": True,
        },
        space={
            "learning_rate": sweep.Float(3e-4, 3e-2, log=True),
            "conv1_kernel_size": sweep.Choice((3, 5)),
        },
    )
    print(sweep.run(study))


if __name__ == "__main__":
    main()
