import gzip
import io
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples.data import idx_bytes, idx_folder, npz, tiny
from samples.strategies import unhurried

from sweep.data.dataset import load_dataset
from sweep.data.idx import IDX_NAMES, IDX_TYPES
from sweep.errors import DataError


@pytest.mark.parametrize("dtype", ["bool", "int8", ">i2", "int64", "float16", "float64", "longdouble"])
def test_pixels_that_are_not_bytes_become_float32(tmp_path, dtype):
    images = {name: tiny()[name].astype(dtype) for name in ("x_train", "x_test")}
    dataset = load_dataset(npz(tmp_path / "a.npz", **images))
    assert dataset.x_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.x_train[..., 0], images["x_train"])


@pytest.mark.parametrize("code", IDX_TYPES)
def test_every_type_of_the_idx_format_is_read(tmp_path, code):
    contents = {name: idx_bytes(array % 7, code) for name, array in tiny().items()}
    dataset = load_dataset(idx_folder(tmp_path / "idx", **contents))
    np.testing.assert_array_equal(dataset.x_train[..., 0], tiny()["x_train"] % 7)
    np.testing.assert_array_equal(dataset.y_train, tiny()["y_train"])


def whole_npz():
    buffer = io.BytesIO()
    np.savez(buffer, **tiny())
    return buffer.getvalue()


def npz_with_header(header):
    """An archive whose checksums are right and whose first array has this header."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in IDX_NAMES:
            length = len(header).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + length + header + b"x" * 120)
    return buffer.getvalue()


HEADER = b"{'descr': '|u1', 'fortran_order': False, 'shape': %s}\n"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "File is not a zip file"),
        (b"pixel1,pixel2\n0,0\n", "File is not a zip file"),
        (whole_npz()[:-30], "File is not a zip file"),
        (whole_npz().replace(bytes(range(60, 70)), bytes(10)), r"x_train: .*Bad CRC-32"),
        (npz_with_header(b"{'descr': "), r"x_train: damaged"),
        (npz_with_header(HEADER % b"(9, 5, 4)"), r"x_train: damaged"),
        (npz_with_header(HEADER % b"(1, 5, 4)"), r"x_train: .*bytes are left"),
        (npz_with_header(HEADER % b"(99999999, 99999999)"), r"x_train: .*Unable to allocate"),
    ],
    ids=["empty", "text", "cut", "changed", "no header", "too few", "too many", "petabytes"],
)
def test_a_file_that_is_no_whole_npz_is_refused_by_name(tmp_path, content, match):
    file = tmp_path / "my.npz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        load_dataset(str(file))
    assert str(caught.value).startswith(str(file))


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # damage may look like a file of Python 2
@settings(unhurried, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.dictionaries(st.integers(0, len(whole_npz()) - 1), st.integers(1, 255), min_size=1, max_size=3))
def test_a_damaged_npz_is_refused_or_changes_nothing(tmp_path, flips):
    file = tmp_path / "my.npz"
    file.write_bytes(bytes(byte ^ flips.get(place, 0) for place, byte in enumerate(whole_npz())))
    try:
        dataset = load_dataset(str(file))
    except DataError:
        return
    np.testing.assert_array_equal(dataset.x_train[..., 0], tiny()["x_train"])
    np.testing.assert_array_equal(dataset.y_test, tiny()["y_test"])


IMAGES = idx_bytes(tiny()["x_train"])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, r"holds no train-images-idx3-ubyte\.gz \(nor the same without \.gz\)"),
        (b"", r"train-images-idx3-ubyte: no IDX file: .* not nothing"),
        (b"\x89PNG\r\n", r"train-images-idx3-ubyte: no IDX file: .* not 89 50 4e 47"),
        (b"\0\0\x07" + IMAGES[3:], r"train-images-idx3-ubyte: no IDX file: .* not 00 00 07 03"),
        (IMAGES[:10], r"train-images-idx3-ubyte: no IDX file"),
        (IMAGES[:-1], r"train-images-idx3-ubyte: its header promises 136 bytes in all, but there are 135"),
        (IMAGES + b"\0", r"train-images-idx3-ubyte: its header promises 136 bytes in all, but there are 137"),
        (b"\0\0\x08\xff" + bytes([0, 0, 0, 1] * 255) + b"\0", r"train-images-idx3-ubyte: damaged"),
        (gzip.compress(IMAGES)[:-9], r"train-images-idx3-ubyte: damaged"),
        (gzip.compress(IMAGES)[:-8] + bytes(8), r"train-images-idx3-ubyte: .*CRC check failed"),
        (b"\x1f\x8b no gzip", r"train-images-idx3-ubyte: damaged"),
        (idx_bytes(np.zeros((0, 5, 4), np.uint8)), r"train-images-idx3-ubyte: empty"),
        (idx_bytes(tiny()["y_train"]), r"train-images-idx3-ubyte: its shape is \(6,\)"),
    ],
)
def test_an_idx_file_that_is_not_whole_is_refused_by_name(tmp_path, content, match):
    folder = idx_folder(tmp_path / "idx", x_train=content)
    with pytest.raises(DataError, match=match) as caught:
        load_dataset(folder)
    assert str(caught.value).startswith(folder)


@pytest.mark.parametrize("forbidden", ["my.npz", "idx", f"idx/{IDX_NAMES['y_test']}"])
def test_a_file_that_may_not_be_read_is_named(forbidden):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        npz(folder / "my.npz")
        idx_folder(folder / "idx")
        source = folder / forbidden.split("/")[0]
        (folder / forbidden).chmod(0)
        administrator = os.geteuid() == 0  # whom nothing is forbidden
        try:
            if administrator:
                os.seteuid(65534)
            with pytest.raises(DataError, match=f"{forbidden}: Permission denied"):
                load_dataset(str(source))
        finally:
            if administrator:
                os.seteuid(0)
            (folder / forbidden).chmod(0o755)
