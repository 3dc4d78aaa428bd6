"""How a database is named, opened and spoken of: what our tables and Optuna's have in common."""

import errno
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, Table, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from sweep.errors import InputError, NoDatabase, StoreError
from sweep.storage.repeating import lost
from sweep.system.files import atomic_write, did_you_mean_path, leftovers, odd_kind
from sweep.wording import masked

EXAMPLES = "sqlite:///sweep.db or postgresql+psycopg://user@host/name"

POOL = {"pool_pre_ping": True}
"""How connections are kept for both engines: one that was dropped meanwhile is replaced before it is used."""

SQLITE_PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL")


def connect(storage: str, *, create: bool, readonly: bool = False) -> Engine:
    """SQLAlchemy's engine for a path or URL; through a `readonly` one nothing can be written.

    Raises:
        InputError: neither of them; no SQLite and no PostgreSQL; or a driver is missing.
        NoDatabase: there is no such file, and `create` is false.
        StoreError: one may not look whether it is there.
    """
    url = make_url(as_url(storage))
    kind, file = url.get_backend_name(), url.database
    if kind not in ("sqlite", "postgresql"):
        raise InputError(f"{place_of(url)}: {kind} databases do not work. SQLite and PostgreSQL do: {EXAMPLES}.")
    if kind == "sqlite":
        if not file:
            raise InputError(f"{storage!r} names no file for a database. Give a path, or a URL: {EXAMPLES}.")
        if not _is_there(Path(file)) and not create:
            hint = did_you_mean_path(Path(file))
            raise NoDatabase(f"There is no database {file!r} yet; `sweep run quickstart` starts one.{hint}")
    try:
        engine = create_engine(url, **POOL, **(_only_reading(url) if readonly else {}))
    except (ImportError, NoSuchModuleError):
        remedy = "For PostgreSQL: pip install 'cnn-sweep[postgresql]', and postgresql+psycopg:// in the URL."
        raise InputError(f"{place_of(url)}: there is no driver {url.drivername!r} here. {remedy}") from None
    if kind == "sqlite" and not readonly:
        event.listen(engine, "connect", settle_sqlite)
    return engine


def _is_there(file: Path) -> bool:
    """Whether there is a plain file; an error if something else is there, or one may not look."""
    try:
        what = "a folder" if file.is_dir() else odd_kind(file)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # of which SQLite tells
        return False
    except OSError as error:
        kind = InputError if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) else StoreError
        raise kind(f"The database {file} cannot be used: {error.strerror}. Name another one with --storage.") from None
    if what:
        raise InputError(f"The database {file} cannot be used: it is {what}, not a plain file.")
    return True


def require_place(storage: str) -> None:
    """Checks that a database can be written in the place that a path or URL names; nothing is made there.

    Raises:
        InputError: it names no database, or what is there is no plain file.
        StoreError: there is no such folder, or one may not write there. Of a server only opening tells.
    """
    url = make_url(as_url(storage))
    connect(storage, create=True).dispose()
    if url.get_backend_name() != "sqlite" or (file := str(url.database)).startswith("file:"):
        return
    place = Path(file).resolve()
    if not place.parent.is_dir():
        why = "unable to open database file"
    elif not all(os.access(each, os.W_OK) for each in (place.parent, place) if each.exists()):
        why = "attempt to write a readonly database"
    else:
        return
    raise StoreError(f"The database {place_of(url)} cannot be used: {why}.{_remedy(why)}")


def as_url(storage: str) -> str:
    """A database's URL; a path becomes that of an SQLite file.

    Raises:
        InputError: neither a URL nor a usable path.
    """
    if "://" not in storage:
        return URL.create("sqlite", database=storage).render_as_string()
    try:
        host = make_url(storage).host
    except (ArgumentError, ValueError):  # the latter: a port that is no number
        raise InputError(f"{masked(storage)!r} is no database. Give a path, or a URL: {EXAMPLES}.") from None
    if host is not None and "@" in host:
        raise InputError(f"{masked(storage)!r}: the password has an @, which a URL writes as %40.")
    return storage


def same(one: str, other: str) -> bool:
    """Whether two paths or URLs name one database."""
    try:
        urls = [make_url(as_url(each)) for each in (one, other)]
    except InputError:
        return False
    if all(url.get_backend_name() == "sqlite" for url in urls):
        first, second = (Path(url.database or "").resolve() for url in urls)
        return first == second
    first_of, second_of = ((url.get_backend_name(), url.host, url.port, url.database) for url in urls)
    return first_of == second_of


def place_of(address: str | URL) -> str:
    """A database in words, without its password."""
    url = make_url(address)
    return str(url.database) if url.get_backend_name() == "sqlite" else masked(url.render_as_string())


@contextmanager
def guarded(url: str | URL) -> Iterator[None]:
    """Turns what SQLAlchemy raises into a StoreError with a remedy."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0].removesuffix(".")
        remedy = RECONNECT if lost(error) else _remedy(cause)
        raise StoreError(f"The database {place_of(url)} cannot be used: {cause}.{remedy}") from error


def insertion(kind: str, table: Table) -> Any:
    """An INSERT into a table that can say what happens to a row that is there: each `kind` of database has its own."""
    if kind == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # which takes its time, and most have no use for it

    return postgresql.insert(table)


@lru_cache
def replacement(kind: str, table: Table, key: tuple[str, ...], others: tuple[str, ...]) -> Any:
    """An INSERT of rows, of which each takes the place of the one with its `key`."""
    statement = insertion(kind, table)
    kept = {name: statement.excluded[name] for name in others}
    return statement.on_conflict_do_update(index_elements=key, set_=kept)


def checkpoint_folder(storage: str) -> Path:
    """The folder for states of runs: what SWEEP_CHECKPOINTS names; without that, beside an SQLite file, else here."""
    named = os.environ.get("SWEEP_CHECKPOINTS")
    return Path(named).resolve() if named else _folder_beside(storage, "checkpoints")


def image_folder(storage: str) -> Path:
    """The folder for images that were decoded from pictures: beside an SQLite file, else here."""
    return _folder_beside(storage, "images")


def _folder_beside(storage: str, kind: str) -> Path:
    url = make_url(as_url(storage))
    name = url.database if url.get_backend_name() == "sqlite" and url.database else "sweep"
    return Path(f"{name}.{kind}").resolve()


def back_up(file: Path, copy: Path) -> None:
    """Copies an SQLite database whole, also while others read and write it.

    Raises:
        StoreError: the copy cannot be written.
    """
    for half in leftovers(copy.parent):  # of a process that was killed while it did this
        half.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(file)) as source:
            copy_whole(source, copy)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The database {file} cannot be copied to {copy} before it is changed: {error}.") from None


def copy_whole(source: sqlite3.Connection, copy: Path) -> None:
    """Copies what a connection reads, also if its file has no name any more.

    Raises:
        OSError, sqlite3.Error: the copy cannot be written.
    """
    with atomic_write(copy, over_database=True) as temporary, closing(sqlite3.connect(temporary)) as target:
        source.backup(target)


def settle_sqlite(connection: Any, _: object) -> None:
    """A listener for SQLAlchemy's "connect": readers beside one writer, and patience where the file is busy."""
    cursor = connection.cursor()
    if not cursor.execute("PRAGMA page_count").fetchone()[0]:
        cursor.execute(_new_mark())  # here, since what follows is written to a log first
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _new_mark() -> str:
    return f"PRAGMA application_id = {secrets.randbits(31) or 1}"


def mark_of(connection: Connection) -> int:
    """The number that tells an SQLite database from others: SQLite's application id, given to one that has none."""
    asked = "PRAGMA application_id"
    if not connection.exec_driver_sql(asked).scalar():
        connection.exec_driver_sql(_new_mark())
    return int(connection.exec_driver_sql(asked).scalar_one())


def _only_reading(url: URL) -> dict[str, Any]:
    """What `create_engine` is told, so that the database itself refuses to be written."""
    if url.get_backend_name() != "sqlite":
        return {"execution_options": {"postgresql_readonly": True}}
    return {"creator": partial(read_sqlite, Path(url.database or "")), "poolclass": NullPool}


def read_sqlite(file: Path) -> sqlite3.Connection:
    """A connection that leaves no file behind, not even SQLite's own beside the database.

    While no process has the database open, SQLite is told that it does not change: else it would make those files to
    read it, and fail in a folder that cannot be written. So a connection is to be closed after each transaction.
    """
    file = file.resolve()  # SQLite's own files stand beside what a link leads to
    still = not any(file.with_name(file.name + beside).exists() for beside in ("-wal", "-journal"))
    address = f"{file.as_uri()}?mode=ro{'&immutable=1' if still else ''}"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def copy_in_memory(file: Path) -> Engine:
    """An engine on a copy of an SQLite database that goes with the engine; `file` stays as it is."""
    shared = f"file:{secrets.token_hex(8)}?mode=memory&cache=shared"
    opening = partial(sqlite3.connect, shared, uri=True, check_same_thread=False)
    engine = create_engine(as_url(str(file)), creator=opening)
    with closing(read_sqlite(file)) as source, engine.connect() as target:
        source.backup(target.connection.driver_connection)  # type: ignore[arg-type]
    return engine


RECONNECT = " The server ended the connection, also when it was opened again. Run again once the server is back."


def _remedy(cause: str) -> str:
    remedies = {
        "not a database": " Move the file away, or name another one with --storage.",
        "malformed": " It is damaged: restore a copy, or begin another one with --storage.",
        "locked": " Another program is writing to it; close that and run again.",
        "readonly": " Make the file and its folder writable, or name another place with --storage.",
        "unable to open": " It must be a file in a folder that exists; or name another place with --storage.",
        "resolve host": " Does the URL name the server rightly?",
        "connection": " Is the server running, and does the URL name it, its user and the password rightly?",
        "full": " Free some space and run again; every finished epoch is kept.",
    }
    return next((remedy for word, remedy in remedies.items() if word in cause), "")
