"""A tiny dataset, and the files it may come in."""

import numpy as np

from sweep.data.idx import IDX_NAMES, IDX_TYPES


def tiny(**changes):
    """Six images to train on and three to test, 5 high and 4 wide, in three classes."""
    arrays = {
        "x_train": np.arange(120, dtype=np.uint8).reshape(6, 5, 4),
        "y_train": np.array([0, 1, 2, 2, 1, 0], dtype=np.uint8),
        "x_test": np.arange(60, dtype=np.uint8).reshape(3, 5, 4),
        "y_test": np.array([2, 0, 1], dtype=np.uint8),
    }
    return arrays | changes


def npz(path, save=np.savez, **changes):
    save(path, **{name: array for name, array in tiny(**changes).items() if array is not None})
    return str(path)


def idx_bytes(array, code=0x08):
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(IDX_TYPES[code]).tobytes()


def idx_folder(folder, **changes):
    """The four files, plain; `changes` are bytes that stand for one of them, or None where it is missing."""
    folder.mkdir(exist_ok=True)
    for name, content in ({name: idx_bytes(array) for name, array in tiny().items()} | changes).items():
        if content is not None:
            (folder / IDX_NAMES[name]).write_bytes(content)
    return str(folder)
