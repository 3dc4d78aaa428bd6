"""Optional packages: which extra of `cnn-sweep` brings them, and what users are told if one is missing."""

from importlib.util import find_spec

from sweep.errors import InputError

EXTRAS = {
    "cmaes": ("cmaes",),
    "dashboard": ("optuna_dashboard",),
    "gp": ("torch",),
    "litert": ("ai_edge_litert",),
    "mlflow": ("mlflow",),
    "onnx": ("tf2onnx", "onnxruntime"),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
    "tensorboard": ("tensorboard",),
}
"""The modules that each extra must make importable."""


def missing(extra: str) -> list[str]:
    return [module for module in EXTRAS[extra] if find_spec(module) is None]


def require(what: str, *extras: str) -> None:
    """Raises InputError, which says how to install them, if extras are missing that `what` needs."""
    absent = {extra: missing(extra) for extra in extras if missing(extra)}
    if absent:
        modules = [module for extra in absent for module in absent[extra]]
        need, are = "needs" if len(absent) == 1 else "need", "is" if len(modules) == 1 else "are"
        raise InputError(
            f"{what} {need} {' and '.join(modules)}, which {are} not installed: "
            f"pip install 'cnn-sweep[{','.join(absent)}]'"
        )
