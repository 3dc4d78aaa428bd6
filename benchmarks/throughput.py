"""Training throughput of `sweep` beside `model.fit`, and beside what the processor can do.

    python benchmarks/throughput.py [--repetitions 3] [--images 60000] [--precision auto] [--fit float32]
                                    [--only baseline small] [--json FILE]

Per configuration and repetition, one after the other in one run: (a) an epoch of `model.fit` on arrays with all
cores in float32, scored on the validation images, as most people write it; (b) an epoch of ours in every worker
at once, one thread each, scored likewise, in what `precision = "auto"` means here. Both are warm: the first epoch of
each is not counted. (c) is the share of the machine's float32 matrix-product rate, measured in the same run, that
(b)'s arithmetic amounts to; a training step is counted as three forward passes (`sweep.models.tutorial.shapes`). In
bfloat16, that can be more than 100 %.
"""

import argparse
import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from step import SMALL, matrix_product_rate

from sweep.api._networks import automatic_precision
from sweep.data.dataset import Split, load_dataset
from sweep.models.tutorial.model import TUTORIAL
from sweep.models.tutorial.parameters import Network
from sweep.models.tutorial.shapes import architecture
from sweep.runs import Precision, Run
from sweep.space.configuration import Configuration
from sweep.system.machine import cores, processor, provenance

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "small": SMALL,
    "wide filters": {"conv1_filters": 64, "conv2_filters": 128},
    "two extra blocks": {"extra_blocks": 2, "padding": "same", "pool3_size": 2},
    "batch 32": {"batch_size": 32},
    "batch 512": {"batch_size": 512},
    "batch norm": {"batch_norm": True},
    "rescaled pixels": {"rescale": True},
}
VALIDATION = 10_000


@dataclass
class Process:
    """A child process that trains one epoch whenever it is asked."""

    process: multiprocessing.process.BaseProcess
    connection: Connection

    @classmethod
    def start(
        cls, target: Callable[[Connection, int, int, Precision], None], threads: int, images: int, precision: Precision
    ) -> "Process":
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, threads, images, precision), daemon=True)
        process.start()
        return cls(process, ours)

    def ask(self, what: object) -> None:
        self.connection.send(what)

    def answer(self) -> Any:
        return self.connection.recv()


def fit(connection: Connection, threads: int, images: int, precision: Precision) -> None:
    """The idiomatic loop. Receives configurations; for each, warms up and answers seconds, epoch by epoch."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import keras

    from sweep.data.partition import partition
    from sweep.training.loop import POLICIES, set_up

    set_up(threads)
    keras.config.set_dtype_policy(POLICIES[precision])
    dataset = load_dataset("mnist")
    part = partition(dataset, _split(images))
    models: dict[str, keras.Model] = {}
    while (name := connection.recv()) is not None:
        configuration = Configuration().replaced(CONFIGURATIONS[name])

        def epoch(model: keras.Model, size: int = configuration.batch_size) -> None:
            scored = (part.x_score, part.y_score)
            model.fit(part.x_train, part.y_train, batch_size=size, epochs=1, verbose=0, validation_data=scored)

        if name not in models:
            models[name] = configuration.build(dataset.image_shape, dataset.classes)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            optimizer = keras.optimizers.Adam(configuration.learning_rate)
            models[name].compile(optimizer, loss, metrics=["accuracy"])
            epoch(models[name])
        started = time.perf_counter()
        epoch(models[name])
        connection.send(time.perf_counter() - started)


def ours(connection: Connection, threads: int, images: int, precision: Precision) -> None:
    """Our loop, in one worker of several; likewise. The name None ends it, "matrix product" measures that."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    from sweep.training.loop import Images, Training, set_up

    set_up(threads)
    split = _split(images)
    shared = Images(load_dataset("mnist"), split)
    trainings: dict[str, Training] = {}
    while (name := connection.recv()) is not None:
        if name == "matrix product":
            connection.send(matrix_product_rate())
            continue
        if name not in trainings:
            run = Run(Configuration().replaced(CONFIGURATIONS[name]), 0, "mnist", "", split, precision)
            trainings[name] = Training(run, shared)
            trainings[name].advance()
        connection.send("warm")
        connection.recv()  # the others are warm too
        started = time.perf_counter()
        trainings[name].advance()
        connection.send(time.perf_counter() - started)


def _split(images: int) -> Split:
    return Split(0, VALIDATION, min(images, 60_000 - VALIDATION))


def flops_of_an_epoch(configuration: Configuration, images: int) -> float:
    """Three forward passes per training image and one per validation image."""
    return architecture(Network.of(configuration.values()), (28, 28, 1), 10).flops * (3 * images + VALIDATION)


def measure(names: list[str], repetitions: int, images: int, precision: Precision, of_fit: Precision) -> dict[str, Any]:
    """Seconds of each, repetition by repetition, interleaved."""
    workers = cores()
    reference = Process.start(fit, workers, images, of_fit)
    crew = [Process.start(ours, 1, images, precision) for _ in range(workers)]
    times: dict[str, dict[str, list[float]]] = {name: {"fit": [], "ours": []} for name in names}
    rates: list[float] = []
    for _ in range(repetitions):
        for name in names:
            for process in crew:
                process.ask("matrix product")
            rates.append(sum(process.answer() for process in crew))
            reference.ask(name)
            times[name]["fit"].append(reference.answer())
            for process in crew:
                process.ask(name)
            for process in crew:
                process.answer()
            for process in crew:
                process.ask("go")
            times[name]["ours"].append(max(process.answer() for process in crew))
    for process in [reference, *crew]:
        process.ask(None)
    return {"workers": workers, "rate": median(rates), "times": times}


def table(measured: dict[str, Any], images: int) -> list[dict[str, Any]]:
    """A row per configuration: images per second, their ratio, its spread, and the share of the machine's rate."""
    workers, rows = measured["workers"], []
    for name, times in measured["times"].items():
        flops = flops_of_an_epoch(Configuration().replaced(CONFIGURATIONS[name]), images)
        ratios = sorted(workers * a / b for a, b in zip(times["fit"], times["ours"], strict=True))
        seconds = median(times["ours"])
        rows.append(
            {
                "configuration": name,
                "fit_images_per_second": images / median(times["fit"]),
                "ours_images_per_second": workers * images / seconds,
                "ratio": median(ratios),
                "ratio_low": ratios[0],
                "ratio_high": ratios[-1],
                "share_of_matrix_product_rate": workers * flops / seconds / measured["rate"],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--images", type=int, default=50_000, help="training images, at most 50000")
    parser.add_argument("--only", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="ours")
    parser.add_argument("--fit", choices=["float32", "bfloat16"], default="float32", help="the precision of model.fit")
    options = parser.parse_args()
    precision = automatic_precision(TUTORIAL) if options.precision == "auto" else options.precision
    measured = measure(options.only, options.repetitions, options.images, precision, options.fit)
    rows = table(measured, options.images)
    print(f"{processor()}, {measured['workers']} workers; matrix product {measured['rate'] / 1e9:.0f} GFLOP/s in all")
    print(f"{options.images} images an epoch, {options.repetitions} repetitions; ", end="")
    print(f"ours in {precision}, model.fit in {options.fit}\n")
    print(f"{'':18} {'model.fit':>10} {'ours':>10} {'ratio':>7} {'(low - high)':>15} {'of the rate':>12}")
    for row in rows:
        spread = f"({row['ratio_low']:.2f} - {row['ratio_high']:.2f})"
        print(
            f"{row['configuration']:18} {row['fit_images_per_second']:10,.0f} {row['ours_images_per_second']:10,.0f} "
            f"{row['ratio']:7.2f} {spread:>15} {row['share_of_matrix_product_rate']:11.0%}"
        )
    mean = math.exp(sum(math.log(row["ratio"]) for row in rows) / len(rows))
    print(f"geometric mean of the ratios: {mean:.2f}")
    if options.json:
        facts = {"provenance": provenance(measured["workers"], 1), "measured": measured, "table": rows, "mean": mean}
        options.json.write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
