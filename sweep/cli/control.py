"""What users do with a study by hand, from a terminal or from a page: done, and said in a sentence."""

import json
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sweep.errors import InputError
from sweep.wording import settings, shown

if TYPE_CHECKING:
    from reports.dashboard.sources import Act

NOT_YET = "asked: {} as soon as the process that runs the study reads this"


def stop(study: str, trial: int | None, storage: str) -> str:
    import sweep

    what = f"the search of {study}" if trial is None else f"trial {trial} of {study}"
    return f"stopped: {what}" if sweep.stop(study, trial, storage=storage) else NOT_YET.format(f"{what} stops")


def pause(study: str, storage: str) -> str:
    import sweep

    done = sweep.pause(study, storage=storage)
    return f"paused: {study}. Every finished epoch is kept." if done else NOT_YET.format(f"{study} pauses")


def note(study: str, text: str, trial: int | None, storage: str) -> str:
    import sweep

    sweep.note(study, text, trial, storage=storage)
    return f"noted: {study}" if trial is None else f"noted: trial {trial} of {study}"


def try_(study: str, words: Sequence[str], storage: str) -> str:
    import sweep

    named = _values(words)
    found = sweep.try_(study, named, storage=storage).values()
    return f"next in the queue of {study}: {settings({name: found[name] for name in named})}"


def resume(study: str, storage: str) -> str:
    """Runs a study in a process of its own on this machine, which goes on once this one has ended.

    Raises:
        InputError: it does not run.
    """
    from sweep.storage.requests import Act
    from sweep.storage.store import Reader, Store
    from sweep.system.children import command, environment

    def recorded(sentence: str) -> str:
        with Store.open(storage, create=False) as store:
            store.requests.record(study_id, Act.RESUME, sentence)
        return sentence

    run, there = command("sweep", "run", study), environment() | {"SWEEP_STORAGE": storage}
    with tempfile.TemporaryFile() as said, Reader.open(storage) as store:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(run, stdin=quiet, stdout=quiet, stderr=said, start_new_session=True, env=there)
        study_id = store.studies.find(study).id
        while process.poll() is None:
            holder = store.leases.running(study_id)
            if holder is not None and holder.pid == process.pid:
                threading.Thread(target=process.wait, daemon=True).start()  # so that none is left behind once it ends
                return recorded(f"resumed: process {process.pid} runs {study}")
            time.sleep(0.2)
        said.seek(0)
        lines = said.read().decode(errors="replace").split("\n")
    if process.returncode:
        raise InputError("\n".join(lines[-5:]).strip())
    return recorded(f"{study} had nothing left to do")


def acts(storage: str, told: Callable[[str], None]) -> dict[str, "Act"]:
    """What a visitor of a dashboard may do, by name. Each act that was done is told."""

    def recorded(act: "Act") -> "Act":
        def done(study: str, given: Mapping[str, str]) -> str:
            sentence = act(study, given)
            told(sentence)
            return sentence

        return done

    known: dict[str, Act] = {
        "stop": lambda study, given: stop(study, _trial(given), storage),
        "pause": lambda study, _: pause(study, storage),
        "resume": lambda study, _: resume(study, storage),
        "try": lambda study, given: try_(study, _split(given.get("values", "")), storage),
        "note": lambda study, given: note(study, given.get("text", ""), _trial(given), storage),
    }
    return {name: recorded(act) for name, act in known.items()}


def _trial(given: Mapping[str, str]) -> int | None:
    """The number of a trial in a form; None where that was left empty."""
    text = given.get("trial", "").strip()
    if text and not (text.isdecimal() and len(text) < 10):
        raise InputError(f"A trial is given by its number, not {shown(text)}.")
    return int(text) if text else None


def _split(text: str) -> list[str]:
    """The words of a line, as a shell splits it."""
    try:
        return shlex.split(text)
    except ValueError:
        raise InputError(f"A quote does not end in {shown(text)}.") from None


def _values(words: Sequence[str]) -> dict[str, object]:
    """Values by name. A number, true or false is one; everything else is a text."""
    found: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise InputError(f"Give values as name=value, as in learning_rate=0.001, not {shown(word)}.")
        if name in found:
            raise InputError(f"{name} has two values: give one.")
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found
