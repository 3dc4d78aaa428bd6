"""The public face for type checkers: mypy accepts lines that work and rejects mistakes."""

import re

import pytest
from mypy import api as mypy
from samples.source import ROOT

PREAMBLE = """\
from pathlib import Path
import sweep
study = sweep.load("quickstart")
result = sweep.result("quickstart")
"""
ACCEPTED = (
    'sweep.run("quickstart", trials=20, storage="my.db", progress=False)',
    'sweep.run(Path("my.toml"), timeout=60, workers=2, threads=1)',
    "sweep.run(study, confirm=True, within=3600.0, limits=sweep.Limits(seconds=60))",
    'found: sweep.Result = sweep.confirm("quickstart", top=2, seeds=3, storage=Path("my.db"))',
    'plan: sweep.Plan = sweep.plan("quickstart", top=2, seeds=3, within=600, storage=Path("my.db"))',
    "difference: float = plan.difference",
    'best: sweep.Configuration = sweep.run("quickstart").best',
    "verdict: sweep.Verdict | None = result.verdict",
    "columns: list[str] = list(result.frame.columns)",
    'place = sweep.Workplace(storage=Path("my.db"), workers=2, keep_checkpoints=0, progress=True)',
    'sweep.Study(name="mine", space={"dropout": sweep.Float(0.0, 0.5), "epochs": sweep.Int(1, 5)}, trials=9)',
    'sweep.Study(name="mine", space={"padding": sweep.Choice(("valid", "same"))}, base=sweep.Configuration(epochs=2))',
    "sweep.Configuration(blocks=(sweep.ConvBlock(16, 3), sweep.ConvBlock(32, 3)), learning_rate=1e-3)",
    "version: str = sweep.__version__",
)
REJECTED = {
    'sweep.run("quickstart", trails=20)': 'Unexpected keyword argument "trails"',
    'sweep.run("quickstart", 20)': "Too many positional arguments",
    'sweep.run("quickstart", trials="20")': 'has incompatible type "str"; expected "int | None"',
    'sweep.run("quickstart", storage=3)': 'has incompatible type "int"; expected "str | Path"',
    "sweep.run(3)": 'has incompatible type "int"; expected "Study | str | Path"',
    "sweep.run()": 'Missing positional argument "study"',
    'sweep.run("quickstart", limits=60)': 'has incompatible type "int"; expected "Limits"',
    'sweep.confirm("quickstart", seeds=None)': 'has incompatible type "None"; expected "int"',
    'sweep.plan("quickstart", tolerance=0.1)': 'Unexpected keyword argument "tolerance"',
    "sweep.Workplace(store='my.db')": 'Unexpected keyword argument "store"',
    "result.score_of_best": '"Result" has no attribute "score_of_best"',
    "result.best.learning_rates": '"Configuration" has no attribute "learning_rates"',
    "result.verdict.recommended": 'Item "None" of "Verdict | None" has no attribute "recommended"',
    "result.test_looks = 3": 'Property "test_looks" defined in "Result" is read-only',
    "number: int = result.best": 'expression has type "Configuration", variable has type "int"',
    'sweep.Float("0", 1.0)': 'has incompatible type "str"; expected "float"',
    "sweep.tune": 'Module has no attribute "tune"',
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory) -> dict[str, list[str]]:
    """What mypy, as this project configures it, says of each line."""
    lines = [*ACCEPTED, *REJECTED]
    file = tmp_path_factory.mktemp("types") / "user.py"
    file.write_text(PREAMBLE + "\n".join([*lines, f"# {file}: else mypy has it from its cache, elsewhere"]) + "\n")
    said, broken, _ = mypy.run(["--config-file", str(ROOT / "pyproject.toml"), "--no-pretty", str(file)])
    assert broken == ""
    found: dict[str, list[str]] = {line: [] for line in lines}
    first = PREAMBLE.count("\n") + 1
    for number, message in re.findall(rf"^{re.escape(str(file))}:(\d+): error: (.*)$", said, flags=re.MULTILINE):
        found[lines[int(number) - first]].append(message)
    return found


@pytest.mark.parametrize("line", ACCEPTED)
def test_right_lines_are_accepted(errors, line):
    assert errors[line] == []


@pytest.mark.parametrize("line", REJECTED)
def test_wrong_lines_are_rejected_with_the_reason(errors, line):
    [message] = errors[line]
    assert REJECTED[line] in message
