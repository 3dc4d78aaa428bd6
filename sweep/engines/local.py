"""Workers as processes of this machine."""

from contextlib import ExitStack

from sweep.engines.pool import Pool
from sweep.system.children import Child


def worker_process(threads: int) -> Child:
    """Starts a worker process on this machine."""
    return Child.begin("sweep.training.worker", str(threads), OMP_NUM_THREADS=str(threads))


class LocalEngine(Pool):
    """`workers` processes with `threads` threads each; TensorFlow is imported once per worker, side by side."""

    def __init__(self, workers: int, threads: int, stack: ExitStack | None = None) -> None:
        super().__init__(workers, stack)
        self.threads = threads

    def begin(self) -> Child:
        return worker_process(self.threads)
