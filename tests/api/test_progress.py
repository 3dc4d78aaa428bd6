"""What `sweep.run` shows by itself: in a terminal, in a notebook, and in a script whose output goes elsewhere."""

import os
import pty
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from samples.commands import forking
from samples.laboratory import npz

pytestmark = pytest.mark.usefixtures("forked")

SCRIPT = """
import sweep

study = sweep.Study(
    name="tiny",
    data="small.npz",
    validation=500,
    train_size=1_000,
    trials=2,
    sampler="grid",
    base={"epochs": 1, "conv1_filters": 4, "conv2_filters": 4, "dense_units": 8},
    space={"dense_units": sweep.Choice((8, 16))},
)
result = sweep.run(study, workers=1, PROGRESS)
print(result)
"""


def script(progress: str = "") -> str:
    return forking(SCRIPT.replace(", PROGRESS", f", {progress}" if progress else ""))


@pytest.fixture
def folder(tmp_path):
    npz(tmp_path / "small.npz")
    return tmp_path


def in_a_terminal(folder, text: str) -> tuple[str, str]:
    """What a script writes on standard output, and on a terminal as standard error."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"}
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=folder, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                if not (read := os.read(ours, 65536)):
                    break
            except OSError:  # the other end is closed
                break
            seen += read
        output = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return output, seen.decode()


def test_a_script_in_a_pipe_is_silent_and_prints_its_result(folder):
    done = subprocess.run([sys.executable, "-c", script()], cwd=folder, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("tiny: 2 trials (2 completed), ")
    assert [line.split()[0] for line in lines[1:3]] == ["best", "baseline"]


def test_in_a_terminal_a_live_table_is_shown_unless_it_is_turned_off(folder):
    output, seen = in_a_terminal(folder, script())
    assert output.startswith("tiny: 2 trials (2 completed), ")
    assert "changes to the baseline" in seen
    assert "2 trials over dense_units" in seen
    assert in_a_terminal(folder, script("progress=False")) == (output, "")


def test_a_notebook_cell_shows_one_table_that_is_updated_in_place(folder):
    cells = [nbformat.v4.new_code_cell(text) for text in (script(), "result", "result.table")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output for output in notebook.cells[0].outputs if output.output_type == "display_data"]
    note, table = (output.data["text/plain"] for output in shown)
    assert note.startswith("tiny: 2 trials over dense_units")
    assert "2 of 2 trials" in table
    assert "starting" not in table
    assert shown[1].data["text/html"].startswith("<pre")
    assert not [output for output in notebook.cells[0].outputs if output.get("name") == "stderr"]
    printed = next(output.text for output in notebook.cells[0].outputs if output.get("name") == "stdout")
    assert printed.startswith("tiny: 2 trials (2 completed), ")
    assert "<table" in notebook.cells[1].outputs[0].data["text/html"]
