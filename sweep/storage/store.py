"""An open database, one object per subject: `Reader` only reads it, `Store` also writes.

Our tables stand beside Optuna's in the same database. The coordinator is the only writer. A finished epoch is committed
before anything else happens with it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Self, TypeVar

from sweep.storage.by_hand import NoteReader, Notes, Queue, QueueReader
from sweep.storage.claims import ClaimReader, Claims
from sweep.storage.connection import Database
from sweep.storage.documents import AblationReader, Ablations, LookReader, Looks, VerdictReader, Verdicts
from sweep.storage.lease import LeaseReader, Leases
from sweep.storage.predictions import PredictionReader, Predictions
from sweep.storage.repeating import repeatable
from sweep.storage.requests import RequestReader, Requests
from sweep.storage.runs import RunReader, Runs
from sweep.storage.studies import Studies, StudyReader
from sweep.storage.trials import TrialReader, Trials


class Reader:
    """An open database that is only read.

    Opened by `open`, closed by leaving its `with` block. Threads may share it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.studies = StudyReader(database)
        self.leases = LeaseReader(database)
        self.claims = ClaimReader(database)
        self.trials = TrialReader(database)
        self.runs = RunReader(database)
        self.predictions = PredictionReader(database)
        self.verdicts = VerdictReader(database)
        self.ablations = AblationReader(database)
        self.test_looks = LookReader(database)
        self.queue = QueueReader(database)
        self.notes = NoteReader(database)
        self.requests = RequestReader(database)

    @classmethod
    def open(cls, storage: str) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path; it refuses to be written.

        Raises: as `Database.read`.
        """
        return cls(Database.read(storage))

    @property
    def url(self) -> str:
        return self._database.url

    @property
    def place(self) -> str:
        return self._database.place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()


Reading = TypeVar("Reading", bound=Reader)
P = ParamSpec("P")
Found = TypeVar("Found")


def at_once(read: Callable[Concatenate[Reading, P], Found]) -> Callable[Concatenate[Reading, P], Found]:
    """A step of a reader that asks all in one transaction: what it finds belongs together, and takes less time."""

    @repeatable
    @wraps(read)
    def step(reader: Reading, /, *args: P.args, **named: P.kwargs) -> Found:
        with reader._database.joined():
            return read(reader, *args, **named)

    return step


class Store(Reader):
    """An open database that is read and written: the coordinator's."""

    studies: Studies
    leases: Leases
    claims: Claims
    trials: Trials
    runs: Runs
    predictions: Predictions
    verdicts: Verdicts
    ablations: Ablations
    test_looks: Looks
    queue: Queue
    notes: Notes
    requests: Requests

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.studies = Studies(database)
        self.leases = Leases(database)
        self.claims = Claims(database)
        self.trials = Trials(database)
        self.runs = Runs(database)
        self.predictions = Predictions(database)
        self.verdicts = Verdicts(database)
        self.ablations = Ablations(database)
        self.test_looks = Looks(database)
        self.queue = Queue(database)
        self.notes = Notes(database)
        self.requests = Requests(database)

    @classmethod
    def open(cls, storage: str, *, create: bool = True) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path, and brings its tables up to date.

        Raises: as `Database.open`.
        """
        return cls(Database.open(storage, create=create))

    def require_file(self) -> None:
        """Raises: as `Database.require_file`."""
        self._database.require_file()

    @repeatable
    def alone(self, step: Callable[[], None]) -> None:
        """Does a step that may be done twice while no other process does one so.

        Raises: as `Database.alone`.
        """
        with self._database.alone():
            step()
