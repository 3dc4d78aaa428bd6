"""Proves by a few batches what trials rely on. The user's code runs in processes of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweep.errors import ModelError, SweepError
from sweep.system.apart import apart
from sweep.system.children import started
from sweep.training.finding import Digests, Examined, Finding, Proof, agreements


def prove(proof: Proof) -> list[Finding]:
    """All findings: two builds agree, a resumed run is the same to the bit, and what `sweep.training._proofs` lists.

    Raises:
        InputError: the network cannot be built, or its images cannot be read.
        ModelError: it cannot be trained.
        EngineError: TensorFlow cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        state = Path(folder) / "state.npz"
        examined = apart(examine, proof, state)
        return conclude(examined, *apart(resume, proof, state))


def conclude(examined: Examined, begun: Digests, resumed: Digests) -> list[Finding]:
    """What is found if another process begins with weights `begun`, and goes on to weights `resumed`."""
    return [*agreements(examined, begun, resumed, "in another process"), *examined.findings]


def begin(proof: Proof) -> list[Finding]:
    """Builds the network with which a study begins, and gives the findings that decide whether its runs are reused.

    To be called in a process of its own. An experiment that fails is a finding.

    Raises:
        InputError: the network cannot be built; of an error in code of the user's, with the frames of their files.
    """
    from sweep.data.dataset import load_dataset
    from sweep.training import _proofs
    from sweep.training.sizes import require_network  # seconds of imports

    dataset = load_dataset(proof.run.data)
    require_network(proof.run.configuration, dataset.image_shape, dataset.classes, proof.limits, proof.seconds)
    try:
        with _errors(), tempfile.TemporaryDirectory(prefix="sweep-") as folder:
            return _proofs.exactness(proof, dataset, Path(folder) / "state.npz")
    except ModelError as error:
        return [Finding("Can be trained", False, str(error).removesuffix("."))]


def examine(proof: Proof, state: Path) -> Examined:
    """What one process finds out. It leaves a checkpoint in the middle, in `state`."""
    from sweep.data.dataset import load_dataset
    from sweep.training import _proofs
    from sweep.training.sizes import require_network  # seconds of imports

    dataset = load_dataset(proof.run.data)
    require_network(proof.run.configuration, dataset.image_shape, dataset.classes, proof.limits)
    with _errors():
        return _proofs.examine(proof, dataset, state)


def resume(proof: Proof, state: Path) -> tuple[Digests, Digests]:
    """The weights that the network begins with in this process, and those after it has gone on from `state`."""
    from sweep.training import _proofs
    from sweep.training.loop import set_up

    set_up(1, on_gpu=False)
    started()
    with _errors():
        return _proofs.resume(proof, state)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except SweepError:
        raise
    except Exception as error:
        lines = [each for each in str(error).splitlines() if each and not each.startswith("Exception encountered")]
        said = f"{type(error).__name__}: {''.join(lines[:1])}".removesuffix(".")
        raise ModelError(f"The baseline cannot be trained: {said}.") from None
