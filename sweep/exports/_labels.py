"""The names of classes in exported models, a line each in the order of the outputs, where each format keeps such.

| format | place |
|---|---|
| Keras | `labels.txt` in the archive |
| LiteRT | `labels.txt` in a ZIP archive behind the model, as TensorFlow Lite's metadata has it |
| SavedModel | `assets.extra/labels.txt` in the folder |
| ONNX | `labels` in the model's metadata |
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

LABELS = "labels.txt"


def write(path: Path, names: Sequence[str]) -> None:
    """Adds names to an exported model, whose format is known by its path; without names, nothing.

    Raises:
        OSError: the file cannot be written.
    """
    text = "".join(f"{name}\n" for name in names)
    if not text:
        return
    if path.is_dir():
        (path / "assets.extra").mkdir(exist_ok=True)
        (path / "assets.extra" / LABELS).write_text(text, encoding="utf-8")
    elif path.suffix == ".onnx":
        import onnx  # there wherever such a model was written

        model = onnx.load(path)
        model.metadata_props.add(key="labels", value=text.removesuffix("\n"))
        onnx.save(model, path)
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(LABELS, text)


def read(path: Path) -> tuple[str, ...]:
    """The names in a model.keras; empty: it has none."""
    with zipfile.ZipFile(path) as archive:
        return tuple(archive.read(LABELS).decode().split("\n")[:-1]) if LABELS in archive.namelist() else ()
