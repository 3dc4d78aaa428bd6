"""Workers that last: each takes seconds to start."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from sweep.engines.local import LocalEngine


@contextmanager
def lasting_workers(count: int = 1) -> Iterator[None]:
    """All that trains in this block has the same processes, as within `Workplace.keeping_workers`."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patched:
        engine = LocalEngine(count, 1, stack)
        patched.setattr("sweep.api.workplace.LocalEngine", lambda *_: engine)
        yield
