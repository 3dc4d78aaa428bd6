"""`sweep.report`: one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from sweep.api.look import results_of
from sweep.defaults import STORAGE
from sweep.results.result import Result


def report(
    studies: str | Result | Sequence[str | Result] = (),
    path: str | Path = "report.html",
    *,
    force: bool = False,
    storage: str | Path = STORAGE,
) -> Path:
    """Writes what a study found, or how several compare, as one HTML file.

    Args:
        studies: names of studies, or results; none of them: all studies of the database.
        path: the HTML file to write, in place of an earlier report.
        force: replace also a file that is no report.
        storage: the path or SQLAlchemy URL of the database.

    Returns:
        The path of the file.

    Raises:
        InputError: there is no such study, or the file cannot be written.
        StoreError: the database cannot be used.
    """
    import reports

    wanted = [studies] if isinstance(studies, str | Result) else list(studies)
    found = [
        each
        for one in wanted or [""]
        for each in ([one] if isinstance(one, Result) else results_of(filter(None, [one]), storage=storage))
    ]
    reports.write(found[0] if len(found) == 1 else found, Path(path), force)
    return Path(path)
