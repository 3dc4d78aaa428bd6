"""What the tests of several packages share: commands."""

import subprocess
import sys
from pathlib import Path


def sweep(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "sweep", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stderr or done.stdout
    assert "Traceback" not in done.stderr
    return done


def until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"{word!r} was never said")
