"""Sweeps of Weights & Biases: what their YAML says, as ours would."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from sweep.errors import InputError
from sweep.study._toml import read_text
from sweep.study.imported import Imported
from sweep.wording import shown

SAMPLERS = {"bayes": "tpe", "random": "random", "grid": "grid"}
TAKEN = ("method", "parameters", "run_cap", "name", "description", "program", "project", "entity")
"""Keys that are taken over, or say nothing of the search."""


def read_sweep(path: Path) -> Imported:
    """The sweep in a YAML file.

    Raises:
        InputError: the file cannot be read, or holds no sweep.
    """
    try:
        document = yaml.safe_load(read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or 'too deep'}.") from None
    parameters = document.get("parameters") if isinstance(document, Mapping) else None
    if not isinstance(parameters, Mapping) or not parameters:
        raise InputError(f"{path}: no sweep of W&B, which has `parameters` with at least one in it.")
    space: dict[str, object] = {}
    base: dict[str, object] = {}
    left = [*_left(document)]
    for name, given in parameters.items():
        found = _read(given)
        if not isinstance(found, str) and found.get("log") and "q" in given:
            left.append(f"{name}: q: a range on a log scale has no steps; the range itself is taken")
        if isinstance(found, str):
            left.append(f"{name}: {found}")
        elif "value" in found:
            base[str(name)] = found["value"]
        else:
            space[str(name)] = found.get("values", found)
    settings: dict[str, object] = {"sampler": SAMPLERS.get(document.get("method"), "tpe")}
    cap = document.get("run_cap")
    settings |= {"trials": cap} if type(cap) is int and cap > 0 else {}
    return Imported(f"the W&B sweep {path.name}", space, base, settings, tuple(left))


def _left(document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("method") not in SAMPLERS:
        yield f"method {shown(document.get('method'))}: the sampler is tpe"
    if isinstance(metric := document.get("metric"), Mapping):
        yield f"metric {metric.get('name')}: trials are compared by their accuracy on the validation images"
    if "early_terminate" in document:
        yield "early_terminate: the pruner is asha, unless a single parameter varies or the sampler is grid"
    yield from (
        f"{key}: there is nothing like it here" for key in document if key not in (*TAKEN, "metric", "early_terminate")
    )


def _read(given: object) -> dict[str, Any] | str:
    """What a parameter may be: `value`, `values`, or a range as ours; or why it cannot be taken over."""
    if not isinstance(given, Mapping):
        return f"{shown(given)} is no description of a parameter"
    if "value" in given:
        return {"value": _number(given["value"])}
    if "values" in given:
        values = given["values"]
        return {"values": [*map(_number, values)]} if isinstance(values, list) else "its values are no list"
    if "parameters" in given:
        return "parameters inside of a parameter have no place here"
    kind = str(given.get("distribution", ""))
    low, high = _number(given.get("min")), _number(given.get("max"))
    if low is None or high is None:
        return f"a {kind or 'range'} without min and max has no ends"
    if kind in ("log_uniform", "q_log_uniform"):
        return "its ends are exponents: write log_uniform_values, or the range itself"
    if "normal" in kind or kind in ("beta", "q_beta"):
        return f"{kind} is no distribution here: a range is uniform, or log-uniform"
    span = {"low": low, "high": high}
    if "log_uniform" in kind:
        return span | {"log": True}
    return span | {"step": given["q"]} if kind.startswith("q_") and "q" in given else span


def _number(given: object) -> object:
    """1e-5 is a text to YAML 1.1, which wants a point in it; any other value as it is."""
    return float(given) if isinstance(given, str) and _EXPONENT.fullmatch(given) else given


_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", re.ASCII)
