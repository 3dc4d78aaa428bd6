"""Functions that run in a process of their own: whatever builds networks, which must not touch the caller's process."""

import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sweep.errors import EngineError, SweepError
from sweep.system.children import Child, End, arrive, messages

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


class Ended(EngineError):  # noqa: N818 - how the process ended
    """A process of ours ended without an answer; `end` says how."""

    def __init__(self, end: End) -> None:
        super().__init__(f"A process that uses TensorFlow {end.how}. Its last lines:\n{end.log}")
        self.end = end


def apart(function: Callable[Given, Returned], /, *args: Given.args, **kwargs: Given.kwargs) -> Returned:
    """What a function returns in a process of its own: libraries, seeds and settings of this process stay as they are.

    The function is one of a module; it says `started` once it has imported what it needs. It, what it is given and
    what it returns or raises are pickled.

    Raises:
        Ended: the process ended without an answer.
        Exception: what the function raises.
    """
    with Child.begin("sweep.system.apart") as child:
        child.send((function, args, kwargs))
        returned: Returned
        error: Exception | None
        try:
            returned, error = pickle.load(child.outbox)
        except (EOFError, pickle.UnpicklingError):
            raise Ended(child.end()) from None
    if error is not None:
        raise error
    return returned


def main(seconds: str, folder: str) -> None:
    answers, calls = arrive(seconds), messages(folder)
    function, args, kwargs = next(calls)
    threading.Thread(target=next, args=(calls,), daemon=True).start()  # which ends this process with its parent
    returned = error = None
    try:
        returned = function(*args, **kwargs)
    except Exception as raised:
        error = raised
        if not isinstance(error, SweepError):
            error.add_note(traceback.format_exc())
    with answers:
        pickle.dump((returned, error), answers)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
