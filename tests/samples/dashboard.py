"""A dashboard of a database, served by a thread of the tests' own process."""

import threading
from contextlib import contextmanager

from reports.dashboard.server import Dashboard
from sweep.results.status import AwaitedReader


@contextmanager
def served(storage, **where):
    """A dashboard at a free port; give its `address` to a browser."""
    with AwaitedReader(str(storage)) as reading, Dashboard(reading, port=0, **where) as dashboard:
        thread = threading.Thread(target=dashboard.serve_forever)
        thread.start()
        try:
            yield dashboard
        finally:
            dashboard.shutdown()
            thread.join()
