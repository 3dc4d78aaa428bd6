"""Where the numbers come from: the study as it was run, versions, machine and data."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reports import labels
from reports.blocks import Block, Definitions, Fold, Head, Row, Section, Source, Table
from sweep import wording
from sweep.results.result import Result


def table(result: Result) -> pd.DataFrame:
    """Where the numbers come from: `part` (study or training), `name`, `value` in labels."""
    document = {name: value for name, value in result.study.as_document().items() if name != "space"}
    if (build := result.study.build) is not None:
        note = {"note": build.inexact} if build.inexact else {}
        document["build"] = {"function": build.place, "path": build.path, "digest": build.digest} | note
    document["base"] = document["base"] or ("the tutorial's network and training" if build is None else "its defaults")
    apart = "versions", "nodes", "moves"
    training = {name: value for name, value in result.provenance.items() if name not in apart}
    training |= {f"version of {name}": value for name, value in (result.provenance.get("versions") or {}).items()}
    rows = [("study", *row) for row in _flat(document)] + [("training", *row) for row in _flat(training)]
    return pd.DataFrame(rows, columns=["part", "name", "value"], dtype=object)


def _flat(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in tree.items():
        title = f"{above}{name}".replace("_", " ")
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{title}, ")
        elif isinstance(value, list | tuple | set | frozenset):
            rows.append((title, ", ".join(str(item) for item in value) or wording.NOTHING))
        elif value in (None, "", {}):
            rows.append((title, wording.NOTHING))
        else:  # the command of an older version may hold a password
            rows.append((title, wording.masked(labels.value("", value))))
    return rows


def _blocks(result: Result) -> Sequence[Block]:
    parts = table(result).groupby("part", sort=False)[["name", "value"]]
    sources = () if result.study.build is None else result.study.build.sources
    return [
        *_cluster(result),
        *(Definitions(str(part).capitalize(), list(rows.itertuples(index=False, name=None))) for part, rows in parts),
        *(Fold(f"Code: {name}", [Source(name, text)]) for name, text in sources),
    ]


def _cluster(result: Result) -> Iterator[Block]:
    """The nodes of a cluster that trained the study, and which trials left one; nothing without a cluster."""
    if result.nodes:
        left = Counter(move.host for move in result.moves)
        heads = [
            Head("Node", number=False),
            Head("Processor", number=False),
            Head("Cores"),
            Head("Trials"),
            Head("Moved"),
        ]
        rows = [
            Row(
                [
                    node.host,
                    str(node.machine.get("processor") or wording.NOTHING),
                    str(node.machine.get("cores") or wording.NOTHING),
                    str(len(node.trials)),
                    str(left[node.host]),
                ]
            )
            for node in result.nodes
        ]
        yield Table("Nodes", heads, rows, titled=True)
    if result.moves:
        heads = [
            Head("Moved", "UTC", number=False),
            Head("Trial"),
            Head("From", number=False),
            Head("Why", number=False),
        ]
        rows = [
            Row([f"{move.moment:%Y-%m-%d %H:%M:%S}", str(move.trial), move.host or wording.NOTHING, move.why])
            for move in result.moves
        ]
        yield Table("Trials that moved", heads, rows, titled=True)


SECTION = Section("provenance", "Provenance", "", _blocks)
