"""What a folder of pictures takes: the seconds to decode it once, and the memory of a worker that trains on it.

    python benchmarks/pictures.py [--pictures 20000] [--side 64]
    python benchmarks/pictures.py --fashion

Makes colour pictures, as JPEG files in ten folders, or writes Fashion-MNIST as 70,000 PNG files. Reads them twice and
prints the seconds of each start, and how many pictures it decodes. Then it runs a study of two trials on them in a
folder that it removes, and prints the largest resident memory of a worker. The pages of the mapped images are a part of
it that all workers share.
"""

import argparse
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from PIL import Image

import sweep
from sweep.data.dataset import load_dataset
from sweep.storage.database import image_folder

CLASSES = 10
WORKER = "sweep.training.worker"
STUDY = """name = "pictures"
data = "pictures"
validation = 0.1
trials = 2
sampler = "grid"
precision = "float32"
[base]
conv1_filters = 8
conv1_stride = 2
conv2_filters = 16
dense_units = 32
epochs = 2
rescale = true
[space]
batch_size = [64, 128]
"""


def make(folder: Path, pictures: int, side: int) -> None:
    """Pictures of a class have its colour and a texture of their own."""
    source = np.random.default_rng(0)
    colours = source.integers(40, 216, (CLASSES, 3))
    for place in range(pictures):
        label = place % CLASSES
        rough = source.integers(-40, 40, (8, 8, 3)) + colours[label]
        picture = Image.fromarray(rough.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
        path = folder / f"class{label}" / f"{place:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=90)


def write_fashion(folder: Path) -> int:
    """Writes Fashion-MNIST into train/ and test/, in a folder for each class; returns how many pictures that are."""
    found = load_dataset("fashion-mnist")
    for part, images, labels in (("train", found.x_train, found.y_train), ("test", found.x_test, found.y_test)):
        for label in range(CLASSES):
            (folder / part / str(label)).mkdir(parents=True)
        for place, (image, label) in enumerate(zip(images[..., 0], labels, strict=True)):
            Image.fromarray(image).save(folder / part / str(label) / f"{place:05}.png")
    return len(found.y_train) + len(found.y_test)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """While the block lasts, the largest resident memory of a worker, and what of that is pages of files, in MB."""
    seen, done = {"resident": 0.0, "shared": 0.0}, threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            for each in psutil.Process().children(recursive=True):
                try:
                    memory, command = each.memory_info(), each.cmdline()
                except psutil.Error:
                    continue
                if WORKER in command and memory.rss / 1e6 > seen["resident"]:
                    seen.update(resident=memory.rss / 1e6, shared=memory.shared / 1e6)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--fashion", action="store_true")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with TemporaryDirectory() as made:
        folder = Path(made)
        if options.fashion:
            options.pictures = write_fashion(folder / "pictures")
        else:
            make(folder / "pictures", options.pictures, options.side)
        (folder / "study.toml").write_text(STUDY, encoding="utf-8")
        source, database = str(folder / "pictures"), folder / "sweep.db"
        told: list[str] = []
        for start in ("first", "second"):
            told.clear()
            begun = time.perf_counter()
            dataset = load_dataset(
                source, folder=image_folder(str(database)), progress=lambda what, done, total: told.append(what)
            )
            decoded = options.pictures if told else 0
            print(f"{start} start: {decoded:,} pictures decoded, {time.perf_counter() - begun:.1f} s", flush=True)
        height, width, channels = dataset.image_shape
        size = (dataset.x_train.nbytes + dataset.x_test.nbytes) / 1e6
        print(f"images of {height}x{width}x{channels}: {size:,.0f} MB in bytes")
        with watched() as seen:
            found = sweep.run(folder / "study.toml", storage=database, workers=1, progress=False)
        print(found)
        print(f"a worker: {seen['resident']:,.0f} MB resident at most, {seen['shared']:,.0f} MB of it pages of files")


if __name__ == "__main__":
    main()
