"""What does a search find in a given time? `sweep` beside others, for real: each in its own idiom, on MNIST.

    pip install keras-tuner tensorboard "ray[tune]"
    python benchmarks/peers.py SECONDS [--only NAME ...] [--seeds 2] [--json FILE]

One space of eight parameters, 54,000 images to train on and 6,000 to score, at most nine epochs, and all cores of this
machine. The others train as their guides do: `model.fit`, and a callback that reports each epoch. Each search runs in
a process of its own, one after the other. It starts with its imports and ends when it gives its pick.

Then each pick is trained for nine epochs on all 60,000 images with fresh seeds, by `sweep`'s loop, whose equality with
plain Keras `tests/training/test_loop.py` holds, and scored on the test images. So is the baseline.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EPOCHS = 9
VALIDATION = 6_000
CHOICES = {
    "conv1_filters": [8, 16, 32, 64],
    "conv2_filters": [16, 32, 64, 128],
    "conv1_kernel_size": [3, 5],
    "conv2_kernel_size": [3, 5],
    "conv1_stride": [1, 2],
    "extra_blocks": [0, 1, 2],
    "batch_size": [32, 64, 128, 256, 512],
}
RATES = 1e-5, 1e-2
EXTRA_FILTERS = 64
FIXED: dict[str, Any] = {
    "epochs": EPOCHS,
    "padding": "same",
    "rescale": True,
    **{
        f"conv{block}_{name}": value
        for block in (3, 4)
        for name, value in (("filters", EXTRA_FILTERS), ("kernel_size", 3))
    },
    "pool3_size": 0,
    "pool4_size": 0,
}
"""What our configuration has besides, as `build` builds it."""


def images() -> Any:
    """Training images, training labels, validation images and validation labels."""
    from sweep.data.dataset import load_dataset

    mnist = load_dataset("mnist")
    x, y = mnist.x_train.astype("float32") / 255, mnist.y_train  # (60000, 28, 28, 1), (60000,)
    return x[VALIDATION:], y[VALIDATION:], x[:VALIDATION], y[:VALIDATION]


def build(values: dict[str, Any]) -> Any:
    """The network of some values, compiled."""
    import keras
    from keras import layers

    blocks = [
        layers.Conv2D(
            values["conv1_filters"],
            values["conv1_kernel_size"],
            strides=values["conv1_stride"],
            padding="same",
            activation="relu",
        ),
        layers.MaxPooling2D(2),
        layers.Conv2D(values["conv2_filters"], values["conv2_kernel_size"], padding="same", activation="relu"),
        layers.MaxPooling2D(2),
    ]
    blocks += [
        layers.Conv2D(EXTRA_FILTERS, 3, padding="same", activation="relu") for _ in range(values["extra_blocks"])
    ]
    head = [layers.Flatten(), layers.Dense(1024, activation="relu"), layers.Dropout(0.2), layers.Dense(10, "softmax")]
    model = keras.Sequential([layers.Input((28, 28, 1)), *blocks, *head])
    model.compile(
        keras.optimizers.Adam(values["learning_rate"]), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


Pick = tuple[dict[str, Any], float, int]
"""The values of a pick, its validation accuracy, and how many configurations were tried."""


def with_optuna(seconds: float) -> Pick:
    """TPE and the Hyperband pruner, as Optuna's guides have them."""
    import keras
    import optuna

    x, y, x_val, y_val = images()

    class Report(keras.callbacks.Callback):
        def __init__(self, trial: optuna.Trial) -> None:
            super().__init__()
            self.trial = trial

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.trial.report(logs["val_accuracy"], epoch)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def objective(trial: optuna.Trial) -> float:
        values: dict[str, Any] = {name: trial.suggest_categorical(name, choices) for name, choices in CHOICES.items()}
        values["learning_rate"] = trial.suggest_float("learning_rate", *RATES, log=True)
        history = build(values).fit(
            x, y, values["batch_size"], EPOCHS, 0, [Report(trial)], validation_data=(x_val, y_val)
        )
        return float(history.history["val_accuracy"][-1])

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0), pruner=pruner)
    study.optimize(objective, timeout=seconds)
    return study.best_params, study.best_value, len(study.trials)


def with_keras_tuner(seconds: float) -> Pick:
    """Hyperband. It has no time limit of its own: the last trial that begins within the time trains to its end."""
    import keras_tuner

    x, y, x_val, y_val = images()
    began = time.monotonic()

    class Network(keras_tuner.HyperModel):
        def build(self, hp: Any) -> Any:
            values = {name: hp.Choice(name, choices) for name, choices in CHOICES.items()}
            return build(values | {"learning_rate": hp.Float("learning_rate", *RATES, sampling="log")})

        def fit(self, hp: Any, model: Any, *args: Any, **options: Any) -> Any:
            return model.fit(*args, batch_size=hp.get("batch_size"), **options)

    class Timed(keras_tuner.Hyperband):
        def on_trial_begin(self, trial: Any) -> None:
            if time.monotonic() - began > seconds:
                raise keras_tuner.errors.FatalError("the time is over")
            super().on_trial_begin(trial)

    with tempfile.TemporaryDirectory() as folder:
        tuner = Timed(Network(), "val_accuracy", max_epochs=EPOCHS, seed=0, directory=folder, project_name="mnist")
        with contextlib.suppress(keras_tuner.errors.FatalError):
            tuner.search(x, y, validation_data=(x_val, y_val), verbose=0)
        ended = [each for each in tuner.oracle.trials.values() if each.score is not None]
        best = max(ended, key=lambda each: each.score)
        distinct = {
            json.dumps({n: each.hyperparameters.values[n] for n in (*CHOICES, "learning_rate")}) for each in ended
        }
        values = {name: best.hyperparameters.values[name] for name in (*CHOICES, "learning_rate")}
        return values, best.score, len(distinct)


def with_ray(seconds: float) -> Pick:
    """ASHA and Optuna's TPE, one trial per core."""
    import keras
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    # Ray sends this function to its workers without the names that only annotations use, as `Any`.
    def trainable(values: dict[str, float]) -> None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        x, y, x_val, y_val = images()

        class Report(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: dict[str, float] = {}) -> None:  # noqa: B006
                tune.report({"accuracy": logs["val_accuracy"]})

        build(values).fit(x, y, values["batch_size"], EPOCHS, 0, [Report()], validation_data=(x_val, y_val))

    ray.init(include_dashboard=False, log_to_driver=False)
    space = {name: tune.choice(choices) for name, choices in CHOICES.items()}
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space=space | {"learning_rate": tune.loguniform(*RATES)},
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                search_alg=OptunaSearch(seed=0),
                scheduler=ASHAScheduler(max_t=EPOCHS, grace_period=1, reduction_factor=3),
                num_samples=-1,
                time_budget_s=seconds,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        found = [each for each in tuner.fit() if each.metrics and "accuracy" in each.metrics]
    best = max(found, key=lambda each: each.metrics["accuracy"])
    return best.config, best.metrics["accuracy"], len(found)


def with_sweep(seconds: float) -> Pick:
    """The study as one would write it, under `--timeout`."""
    import sweep

    study = sweep.Study(
        name="peers",
        space={name: sweep.Choice(tuple(choices)) for name, choices in CHOICES.items()}
        | {"learning_rate": sweep.Float(*RATES, log=True)},
        base=sweep.Configuration().replaced(FIXED),
        validation=VALIDATION,
        trials=1_000,
    )
    with tempfile.TemporaryDirectory() as folder:
        result = sweep.run(study, timeout=seconds, storage=Path(folder) / "peers.db", progress=False)
    found = result.best.values()
    tried = int((result.frame["trained_epochs"] > 0).sum())
    score = result.frame.loc[result.frame["trial"] == result.best_trial, "score"].iloc[0]
    return {name: found[name] for name in (*CHOICES, "learning_rate")}, float(score), tried


SEARCHES: dict[str, tuple[Callable[[float], Pick], float]] = {
    "sweep": (with_sweep, 1.0),
    "sweep, a third of the time": (with_sweep, 1 / 3),
    "Optuna: TPE + Hyperband": (with_optuna, 1.0),
    "KerasTuner: Hyperband": (with_keras_tuner, 1.0),
    "Ray Tune: ASHA + TPE": (with_ray, 1.0),
}
"""Each with its share of the time."""

BASELINE = {
    "conv1_filters": 32,
    "conv2_filters": 64,
    "conv1_kernel_size": 5,
    "conv2_kernel_size": 5,
    "conv1_stride": 1,
    "extra_blocks": 0,
    "batch_size": 128,
    "learning_rate": 1e-4,
}


def search(name: str, seconds: float) -> dict[str, Any]:
    """A search in a process of its own."""
    began = time.monotonic()
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, __file__, str(seconds), "--alone", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True, check=True)
    values, score, tried = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": time.monotonic() - began, "tried": tried, "validation": score, "values": values}


def tested(picks: list[dict[str, Any]], seeds: int) -> list[list[float]]:
    """Test accuracies of each pick, in percent, after training on all 60,000 images with each seed."""
    from sweep.api.train import trained
    from sweep.api.workplace import Workplace
    from sweep.coordinator.watcher import LabelledRun
    from sweep.data.dataset import load_dataset
    from sweep.progress.display import Task
    from sweep.runs import Run
    from sweep.space.configuration import Configuration

    digest, fresh = load_dataset("mnist").digest, range(1_000, 1_000 + seeds)
    runs = [
        LabelledRun(
            f"seed {seed} of {place}",
            Run(Configuration().replaced(FIXED | pick), seed, "mnist", digest, None, "float32"),
        )
        for place, pick in enumerate(picks)
        for seed in fresh
    ]
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder) / "tested.db", progress=False)
        with place.open_store() as store:
            done = trained(runs, store, place, Task(Configuration(), len(runs), place.crew()[0], "run"))
    accuracies = [100 * each.curve[-1].val_accuracy for each in done]
    return [accuracies[begin : begin + seeds] for begin in range(0, len(accuracies), seeds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--only", nargs="*", choices=SEARCHES, help="only these searches")
    parser.add_argument("--seeds", type=int, default=2, help="fresh seeds for each pick")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--alone", choices=SEARCHES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print("\n" + json.dumps(SEARCHES[options.alone][0](options.seconds)))
        return
    found = {}
    for name in options.only or SEARCHES:
        found[name] = search(name, options.seconds * SEARCHES[name][1])
        print(f"{name}: {json.dumps(found[name])}", flush=True)
    scores = tested([BASELINE, *(each["values"] for each in found.values())], options.seeds)
    print(f"\n{'':30}{'seconds':>9}{'tried':>7}{'validation':>12}   test accuracy, fresh seeds")
    for name, each, own in zip(["the baseline", *found], [None, *found.values()], scores, strict=True):
        cells = (
            f"{'':28}" if each is None else f"{each['seconds']:9.0f}{each['tried']:7}{100 * each['validation']:12.2f}"
        )
        print(f"{name:30}{cells}   {statistics.fmean(own):.2f}  ({', '.join(f'{score:.2f}' for score in own)})")
    if options.json:
        options.json.write_text(
            json.dumps(
                {name: found[name] | {"test": own} for name, own in zip(found, scores[1:], strict=True)}, indent=1
            )
        )


if __name__ == "__main__":
    main()
