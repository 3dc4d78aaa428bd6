"""The file of an SQLite database that is written to: whether it is still that, and what was in it if it is not.

SQLite takes from its log of writes, a file beside it, what the file itself lacks. So it does not notice that another
file has the name now, or that other contents were copied into this one.
"""

import itertools
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from sweep.errors import StoreError
from sweep.storage._tables import leases
from sweep.storage.database import copy_whole
from sweep.system.files import atomic_write, inode, stamp


class OpenFile:
    """A database's file while an engine has it open. `mark` is its number: see `sweep.storage.database.mark_of`."""

    def __init__(self, file: Path, engine: Engine, mark: int) -> None:
        self._place, self._engine, self._mark, self._loss = file, engine, mark, ""
        self._file, self._log, index = file.absolute(), *(Path(f"{file.resolve()}{end}") for end in ("-wal", "-shm"))
        self._inodes = {each: inode(each) for each in (self._file, self._log, index)}
        self._stamp = stamp(self._file)
        now, self._counter = _mark_and_counter(self._file) or (mark, 0)
        self._marks = {now, mark}  # a new one stands in the log at first

    def require(self) -> None:
        """Raises StoreError unless the file is still the one that was opened, with its own contents.

        What was in it is saved beside it if that is still known.
        """
        now = stamp(self._file)
        if not self._loss:
            if now == self._stamp:
                return
            renamed = now is None or now[:2] != self._inodes[self._file]
            if not renamed and self._has_own_contents():
                self._stamp = now
                return
            self._loss = f"The database {self._place} was deleted, moved or replaced while a command was using it. "
            self._loss += self._saved(overwritten=not renamed)
        raise StoreError(self._loss)

    def _has_own_contents(self) -> bool:
        """Whether it has its mark, and a counter that did not fall: that of an earlier copy is lower."""
        mark, counter = _mark_and_counter(self._file) or (self._mark, self._counter)
        if mark not in self._marks or counter < self._counter:
            return False
        self._marks, self._counter = {mark, self._mark}, counter
        return True

    def _saved(self, overwritten: bool) -> str:
        """Saves what was in the file, and says where."""
        lost = self._file
        names = (f"{lost.name}.saved{'' if number == 1 else f'-{number}'}" for number in itertools.count(1))
        copy = next(lost.with_name(name) for name in names if not lost.with_name(name).exists())
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            if overwritten:
                self._save_log(copy)
            else:
                with self._engine.connect() as connection:
                    copy_whole(connection.connection.driver_connection, copy)  # type: ignore[arg-type]
                self._drop_log()
            with closing(sqlite3.connect(copy)) as saved, saved:
                saved.execute(f"DELETE FROM {leases.name}")  # no process runs a study there
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            return f"What was in it is lost: it cannot be saved in {copy}: {error}."
        return f"What was in it is saved in {copy}: rename that to {lost.name}, and run again."

    def _save_log(self, copy: Path) -> None:
        """Saves what the log holds. SQLite itself would mix it with what is in the file now."""
        contents = database_in(self._log.read_bytes())
        os.truncate(self._log, 0)  # else SQLite would write it into the file as it closes that
        self._drop_log()
        if not contents:
            raise OSError("other contents were copied over it")
        with atomic_write(copy, over_database=True) as temporary:
            temporary.write_bytes(contents)

    def _drop_log(self) -> None:
        """Takes the log away: SQLite would write it into the next database of that name."""
        for beside in [each for each, known in self._inodes.items() if each != self._file and inode(each) == known]:
            beside.unlink(missing_ok=True)


def database_in(log: bytes) -> bytes:
    """The database that SQLite's log of writes holds (https://sqlite.org/walformat.html), if it has every page."""
    size, salts = int.from_bytes(log[8:12]), log[16:24]
    pages: dict[int, bytes] = {}
    written: dict[int, bytes] = {}
    count = 0
    for start in range(32, len(log) - size - 23, size + 24):
        number, last, frame_salts = (log[start + at : start + end] for at, end in ((0, 4), (4, 8), (8, 16)))
        if frame_salts != salts:
            break  # what an earlier use of the log left
        written[int.from_bytes(number)] = log[start + 24 : start + 24 + size]
        if any(last):  # the last page of a transaction tells how many there are
            pages |= written
            written, count = {}, int.from_bytes(last)
    wanted = range(1, count + 1)
    return b"".join(pages[number] for number in wanted) if pages.keys() >= set(wanted) else b""


def _mark_and_counter(file: Path) -> tuple[int, int] | None:
    """What the header of an SQLite file says (https://sqlite.org/fileformat.html); None if it cannot be read.

    Another process reads it: to close the file here would drop the locks that SQLite has on it.
    """
    try:
        command = ["dd", f"if={file}", "bs=100", "count=1"]
        header = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return int.from_bytes(header[68:72], signed=True), int.from_bytes(header[24:28])
