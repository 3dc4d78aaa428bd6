"""Python imports this first on the nodes of the tests' clusters: their workers train a script instead of a network.

All else there is real: Ray, relays, worker processes, states and datasets. Such a worker starts without TensorFlow. Its
epochs take $SECONDS_OF_EPOCH, and each is written to the file $TRAINED once it is trained, with process and time. A
state has $STATE_BYTES more than it needs. Temporary files are in the folder $SCRIPTED_LOOP.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from types import ModuleType

SECONDS_OF_EPOCH = float(os.environ.get("SECONDS_OF_EPOCH", "0.2"))
PADDING = " " * int(os.environ.get("STATE_BYTES", "0"))
PARTS = 4
FAILING = 13
"""So many dense units fail, as `contracts.engines` wants it."""


class Images:
    """Of a dataset that was found, wherever."""

    def __init__(self, dataset, split):
        self.shape, self.classes = dataset.image_shape, dataset.classes


class Training:
    """A run whose metrics follow from its seed and the states before."""

    def __init__(self, run, images, limits=None):
        if run.configuration.dense_units == FAILING:
            raise OSError("the data are not there")
        self.run, self.curve, self.weights = run, [], float(run.seed + 1)

    @property
    def epochs(self):
        return self.curve[-1].epoch if self.curve else 0

    def can_reach(self, epoch):
        return epoch >= self.epochs

    def advance(self, to, go_on):
        from sweep.runs import Epoch

        for _ in range(PARTS):
            if not go_on(self.epochs):
                return None
            time.sleep(SECONDS_OF_EPOCH / PARTS)
        self.weights = math.fmod(self.weights * 1.618 + 0.1, 1.0)
        loss = math.nan if self.run.configuration.learning_rate > 1 else self.weights
        self.curve.append(Epoch(to, loss, 0.5, loss, 1 - self.weights / 10, SECONDS_OF_EPOCH))
        if "TRAINED" in os.environ:
            with Path(os.environ["TRAINED"]).open("a") as log:
                log.write(f"{self.run.seed} {to:g} {self.run.fingerprint} {os.getpid()} {time.time()}\n")
        return self.curve[-1]

    def save(self, path):
        from sweep.system.files import atomic_write

        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps([self.weights, [vars(epoch) for epoch in self.curve]]) + PADDING)

    def restore(self, path):
        from sweep.runs import Epoch

        self.weights, curve = json.loads(path.read_text())
        self.curve = [Epoch(**epoch) for epoch in curve]

    def predict(self):
        import numpy as np

        return np.zeros(self.run.split.validation, np.uint16)


if os.environ.get("SCRIPTED_LOOP"):
    os.environ["TMPDIR"] = os.environ["SCRIPTED_LOOP"]  # Ray's own sockets lie elsewhere: their paths must be short
    loop = ModuleType("sweep.training.loop")
    loop.set_up, loop.Images, loop.Training = lambda threads: "a script", Images, Training
    sys.modules["sweep.training.loop"] = loop
