"""Commands in terminals that are not UTF-8, and output paths that are no plain files."""

import io
import json
import os
import re
import socket
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from samples.commands import say
from samples.databases import keep
from samples.laboratory import Laboratory, npz
from samples.results import result_of, rows_of, sample

from sweep.cli import app as cli
from sweep.cli.studies import print_study
from sweep.cli.terminal import write_what_it_can
from sweep.engines.scripted import ScriptedEngine
from sweep.storage.requests import Act, Request
from sweep.system.files import atomic_write

COMMANDS = [
    "--help", "run --help", "studies", "check everything", "list", "show quickstart", "show quickstart 1",
    "show quickstart --summary", "trials quickstart", "trials quickstart --json", "compare", "report", "gc --dry-run",
    "init mine.toml", "show nothing", "zzz",
]  # fmt: skip
STUDY = """
name = "ours"
description = "größer – 数字 ± ✓"
data = "small.npz"
validation = 0.2
trials = 2
[space]
dense_units = [8, 1024]
"""


def printed(monkeypatch, encoding, *arguments):
    """What a command writes in a terminal of this encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    monkeypatch.setattr(sys, "argv", ["sweep", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    for stream in streams:
        stream.flush()
    return [stream.buffer.getvalue().decode(encoding) for stream in streams]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "koi8-r"])
def test_every_command_writes_what_the_terminal_has(tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    keep("sweep.db", sample(30))
    for command in COMMANDS:
        assert "".join(printed(monkeypatch, encoding, *command.split())).strip(), command
        Path("mine.toml").unlink(missing_ok=True)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_show_says_what_users_asked_for_last_and_what_came_of_it(capsys):
    asked = [Request(number, Act.STOP, number, datetime(2026, 1, 1, 12, number), "") for number in range(6)]
    asked.append(Request(6, Act.RESUME, None, datetime(2026, 1, 1, 13), "resumed: process 7 runs quickstart"))
    result = replace(result_of(rows_of(0.98)), requests=tuple(asked))
    print_study(result, False, "sweep trials quickstart")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("asked")]
    assert [line.partition(": ")[2] for line in lines] == [
        *(f"stop trial {number} (no answer yet)" for number in range(2, 6)),
        "resume the study (resumed: process 7 runs quickstart)",
    ]
    print_study(result, True, "sweep trials quickstart")
    kept = json.loads(capsys.readouterr().out)["requests"]
    assert kept[0] == {"act": "stop", "trial": 0, "asked": "2026-01-01 12:00:00", "answer": ""}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_show_has_one_line_per_trial_in_any_window_completed_ones_first(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [*rows_of(0.98, 0.97), {"trial": 2, "outcome": "paused", "score": 0.985, "trained_epochs": 1}]
    rows.append({"trial": 3, "outcome": "failed", "reason": "it broke\nafter a while", "trained_epochs": 0})
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_study(result_of(rows, trials=4), as_json=False, all_of_them="")
    lines = re.sub("\x1b.*?m", "", sys.stdout.getvalue()).split("\n\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["trial", "0", "1", "2", "3"]
    assert max(map(len, lines)) <= width
    assert all(
        word in line for word, line in zip(("completed", "completed", "paused", "failed"), lines[1:], strict=True)
    )
    assert ("it broke after a while" in lines[4]) == (width == 200)


def test_a_study_is_run_in_such_a_terminal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    laboratory = Laboratory(str(tmp_path / "sweep.db"), npz(tmp_path / "small.npz"), monkeypatch)
    laboratory.use(ScriptedEngine(lambda configuration, _: 0.6 - configuration.dense_units / 1e4))
    (tmp_path / "ours.toml").write_text(STUDY, encoding="utf-8")
    out, err = printed(monkeypatch, "ascii", "run", "ours.toml", "--workers", "1")
    assert out.splitlines()[-1] == "next: sweep confirm ours"
    assert "+-" in out
    assert "ours" in err
    assert "gro?er - ?? +- ?" in printed(monkeypatch, "ascii", "check", "ours.toml")[0]


def test_what_a_terminal_has_is_written_as_it_is():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    write_what_it_can(stream)
    stream.write("± × é – … → ≥ ő 数 \udc80")
    stream.flush()
    assert stream.buffer.getvalue().decode("latin-1") == "± × é - ... -> >= o ? ?"


@pytest.fixture
def odd(tmp_path, request):
    """Paths that are no plain files."""
    os.mkfifo(tmp_path / "fifo.html")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket.html"))
    yield {"device": Path("/dev/null"), "fifo": tmp_path / "fifo.html", "socket": tmp_path / "socket.html"}
    server.close()


@pytest.mark.parametrize("kind", ["device", "fifo", "socket"])
def test_an_output_path_that_is_no_plain_file_is_refused_and_stays(odd, kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keep("sweep.db", sample(6))
    before = odd[kind].stat()
    for command in (["report", "-o", str(odd[kind])], ["trials", "quickstart", "--parquet", str(odd[kind])]):
        assert f"it is a {'FIFO' if kind == 'fifo' else kind}, not a plain file" in say(capsys, *command, code=2)
    after = odd[kind].stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("name", ["other.db", "link.html"])
def test_an_output_path_that_is_a_database_is_refused_and_stays(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for storage in ("sweep.db", "other.db"):
        keep(storage, sample(6))
    Path("link.html").symlink_to("sweep.db")
    before = Path(name).read_bytes()
    for command in (["report", "-o", name], ["trials", "quickstart", "--parquet", name]):
        assert "it is a database, which would be lost" in say(capsys, *command, code=2)
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("", "names no file"),
        ("sqlite://", "names no file"),
        (".", "it is a folder"),
        ("/", "it is a folder"),
        ("x" * 300, "File name too long"),
        ("loop.db", "Too many levels of symbolic links"),
    ],
)
@pytest.mark.parametrize("command", [["list"], ["run", "quickstart"]])
def test_a_database_that_no_file_can_be_is_refused(command, storage, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("loop.db").symlink_to("loop.db")
    assert reason in say(capsys, *command, "--storage", storage, code=2)
    assert [each.name for each in tmp_path.iterdir()] == ["loop.db"]


def test_init_does_not_wait_for_the_reader_of_a_fifo(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("mine.toml")
    assert "exists already" in say(capsys, "init", "mine.toml", code=2)
    assert "it is a FIFO" in say(capsys, "init", "mine.toml", "--force", code=2)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    for there in (True, False):
        target, link = tmp_path / f"target {there}", tmp_path / f"link {there}"
        if there:
            target.write_text("before")
        link.symlink_to(target.name)
        with atomic_write(link) as temporary:
            temporary.write_text("after")
        assert link.is_symlink()
        assert target.read_text() == "after"
        assert not target.is_symlink()


def test_a_loop_of_links_is_an_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"), atomic_write(tmp_path / "a"):
        pass
