"""What this computer is, and which versions of what run on it: recorded with every run, shown by `sweep doctor`."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sweep.shell import typed

PACKAGES = ("cnn-sweep", "tensorflow", "keras", "numpy", "optuna", "sqlalchemy", "pandas", "plotly")

FIRST_GPU_WITH_BFLOAT16 = 8.0  # compute capability


def cores() -> int:
    """Processors this process may use; at least 1. A container's quota counts."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota() or allowed))


def _quota() -> int | None:
    """Whole processors that the control group grants, where it limits them; part of one counts as one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None


def installed(package: str) -> str | None:
    """A package's version, without importing it; TensorFlow's builds count as TensorFlow."""
    for name in (package, f"{package}-cpu") if package == "tensorflow" else (package,):
        with suppress(PackageNotFoundError):
            return version(name)
    return None


@cache
def processor() -> str:
    """The processor's name as its maker writes it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


@cache
def oldest_gpu() -> float | None:
    """The compute capability of the oldest NVIDIA GPU; None without one."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        generations = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.split()
        return min(float(each) for each in generations)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


@cache
def bfloat16_instructions() -> bool:
    """Whether the GPU, or without one the processor, multiplies bfloat16 natively."""
    gpu = oldest_gpu()
    if gpu is not None:
        return gpu >= FIRST_GPU_WITH_BFLOAT16
    with suppress(OSError):
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
        return not flags.isdisjoint({"avx512_bf16", "amx_bf16", "bf16"})
    return False


@cache
def git_state() -> str | None:
    """The commit of the checkout that this package runs from, with "+" where it was changed; None elsewhere."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit, changes = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=5
            ).stdout.strip()
            for words in (
                ["rev-parse", "--short=12", "HEAD"],
                ["status", "--porcelain", "--untracked-files=no"],
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changes else "")


def machine() -> dict[str, Any]:
    """What this machine is."""
    system = f"{platform.system()} {platform.release()}"
    return {"host": platform.node(), "system": system, "processor": processor(), "cores": cores()}


def provenance(workers: int, threads: int) -> dict[str, Any]:
    """What is kept with a run, so that it can be told later where and with what it was trained."""
    return {
        "versions": {"python": platform.python_version()} | {name: installed(name) for name in PACKAGES},
        "machine": machine(),
        "workers": workers,
        "threads": threads,
        "git": git_state(),
        "command": typed([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
