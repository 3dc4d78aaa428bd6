"""What pages take: a report from the command to its file, and in Chromium the dashboard's first paint and a brush.

    python benchmarks/pages.py [--trials 100] [--times 5]

The study is made up as the tests' studies are. Each figure is the least and the median of so many times. Computing is
processor time: other programs lengthen it less than the time by the clock.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from samples.browser import browser, opened
from samples.databases import keep
from samples.pages import LOADED
from samples.results import sample

SWEEP = (sys.executable, "-m", "sweep")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
HANDLE = "document.querySelector('#parallel [aria-label=\"learning rate, lowest shown\"]')"
STEPS = 40
BRUSH = f"""
(async () => {{
  const handle = {HANDLE}, began = performance.now();
  for (let step = 1; step <= {STEPS}; step += 1) {{
    handle.value = step;
    handle.dispatchEvent(new Event('input'));
    await new Promise(requestAnimationFrame);
  }}
  return performance.now() - began;
}})()
"""


def report(storage: Path, file: Path) -> tuple[float, float]:
    """Writes a report; returns the seconds by the clock, and those of computing."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = (*SWEEP, "report", "quickstart", "-o", str(file), "--storage", str(storage))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, spent


def first_paint(pipe: Any, address: str) -> float:
    """Seconds until something of a study's page is painted."""
    with opened(pipe, address, width=1440) as page:
        page.wait(f"({PAINT}) > 0")
        return float(page.ask(PAINT)) / 1000


def brush(pipe: Any, file: Path) -> tuple[float, float]:
    """Seconds that a frame takes while an axis is brushed, by the clock and of the page's thread computing."""

    def spent() -> float:
        found = page.send("Performance.getMetrics")["metrics"]
        return float({each["name"]: each["value"] for each in found}["TaskDuration"])

    with opened(pipe, file, width=1440) as page:
        page.wait(LOADED)
        page.ask("document.querySelector('#parallel').scrollIntoView()")
        page.wait(f"{HANDLE} !== null")
        page.send("Performance.enable", timeDomain="threadTicks")
        before = spent()
        taken = float(page.ask(BRUSH)) / 1000
        return taken / STEPS, (spent() - before) / STEPS


def print_line(what: str, times: int, measure: Callable[[], tuple[float, ...]], names: tuple[str, ...]) -> None:
    columns = zip(*(measure() for _ in range(times)), strict=True)
    said = [f"{name} {min(each):.3g} s, median {median(each):.3g} s" for name, each in zip(names, columns, strict=True)]
    print(f"{what}: {'; '.join(said)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browser() as pipe:
        storage, file = Path(folder, "sweep.db"), Path(folder, "report.html")
        keep(str(storage), sample(given.trials))
        print(f"{given.trials:,} trials, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print_line("report", given.times, lambda: report(storage, file), ("by the clock", "computing"))
        print(f"its size: {file.stat().st_size / 1e6:.1f} MB")
        print_line("a frame of a brush", given.times, lambda: brush(pipe, file), ("by the clock", "computing"))
        command = (*SWEEP, "dashboard", "--port", "0", "--storage", str(storage))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout is not None
                address = server.stdout.readline().strip() + "study/quickstart"
                print(f"first paint of the dashboard, the first time: {first_paint(pipe, address):.2f} s")
                print_line("first paint, later", given.times, lambda: (first_paint(pipe, address),), ("by the clock",))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
