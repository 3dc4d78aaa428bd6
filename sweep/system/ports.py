"""Where a server of ours listens: on this machine alone unless asked otherwise, on the first free port."""

import errno
from collections.abc import Callable
from typing import TypeVar

from sweep.errors import InputError

LOOPBACK = "127.0.0.1"
PORTS = range(8080, 8100)
"""Tried one after the other where none is asked for."""

Server = TypeVar("Server")


def listening(make: Callable[[int], Server], host: str, port: int | None) -> Server:
    """What `make` gives for this port or, without one, for the first of `PORTS` that is free.

    Raises:
        InputError: it cannot listen there.
    """
    for each in PORTS if port is None else [port]:
        try:
            return make(each)
        except OSError as error:
            if port is None and error.errno == errno.EADDRINUSE:
                continue
            which = f"port {each} of {host}"
            raise InputError(
                f"The dashboard cannot listen on {which}: {error.strerror}. Choose others with --port and --host."
            ) from None
    raise InputError(f"Every port from {PORTS[0]} to {PORTS[-1]} is in use. Choose another one with --port.")
