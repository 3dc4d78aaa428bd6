"""Scale and polarity: what they are of images, that a name keeps them, and when two sets of images contradict."""

import numpy as np
import pytest
from samples.data import npz
from samples.training import mnist

from sweep.data.dataset import load_dataset
from sweep.data.pixels import Pixels
from sweep.errors import DataError

BYTES = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 1), np.uint8)
BYTES[:, [0, -1]] = BYTES[:, :, [0, -1]] = 0
BYTES[0, 2, 2:4, 0] = 0, 255
MEAN, DEVIATION = 0.1307, 0.3081  # those that everybody standardises MNIST with

SCALES = {
    "bytes": (lambda x: x, 0, 255),
    "floats up to 255": (lambda x: x.astype(float), 0, 255),
    "shares": (lambda x: x / 255, 0, 1),
    "halves": (lambda x: x / 255 - 0.5, -0.5, 0.5),
    "both signs": (lambda x: x / 127.5 - 1, -1, 1),
    "standardised": (lambda x: (x / 255 - MEAN) / DEVIATION, -MEAN / DEVIATION, (1 - MEAN) / DEVIATION),
    "sixteen shades": (lambda x: x // 16, 0, 15),
    "two shades": (lambda x: x > 127, 0, 1),
    "two shades in bytes": (lambda x: (x > 127).astype(np.uint8), 0, 1),
    "16 bits": (lambda x: x.astype(np.uint16) * 257, 0, 65535),
    "dark bytes": (lambda x: x // 4, 0, 255),
}


def images(name: str, pixels: np.ndarray = BYTES) -> np.ndarray:
    scaled = SCALES[name][0](pixels)
    return scaled if scaled.dtype == np.uint8 else scaled.astype(np.float32)


@pytest.mark.parametrize("name", SCALES)
def test_black_and_white_are_those_of_the_convention_that_pixels_fill_else_their_ends(name):
    pixels = Pixels.of(images(name))
    assert (pixels.black, pixels.white) == pytest.approx(SCALES[name][1:], abs=1e-6)
    assert pixels.light_on_dark is True


@pytest.mark.parametrize("name", SCALES)
def test_the_bytes_of_a_picture_become_the_values_of_the_dataset(name):
    if name != "dark bytes":
        stretched = images(name).astype(float)
        black, white = SCALES[name][1:]
        bytes_ = (stretched - black) * (255 / (white - black))
        np.testing.assert_allclose(Pixels.of(images(name)).of_bytes(bytes_), stretched, atol=1e-6 * white)


@pytest.mark.parametrize("name", SCALES)
def test_images_are_shown_on_the_scale_of_the_dataset_not_on_their_own(name):
    black, white = SCALES[name][1:]
    shown = Pixels.of(images(name)).to_bytes(images(name)[3:5])
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, np.rint((images(name)[3:5].astype(float) - black) * 255 / (white - black)))
    if name not in ("two shades", "two shades in bytes", "sixteen shades", "dark bytes"):  # which have fewer
        np.testing.assert_array_equal(shown, BYTES[3:5])


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("change", [lambda x: x, lambda x: 255 - x, lambda x: np.concatenate([x, 255 - x])])
def test_a_name_keeps_them_whatever_they_are(name, change):
    pixels = Pixels.of(images(name, change(BYTES)))
    again = Pixels.named(pixels.name)
    assert (again.black, again.white) == pytest.approx((pixels.black, pixels.white), abs=1e-7)
    assert again.light_on_dark is pixels.light_on_dark


def test_pixels_as_in_mnist_need_no_name_of_their_own_and_a_strange_name_means_them():
    assert Pixels.of(BYTES) == Pixels()
    assert Pixels().name == "input"
    assert {Pixels.named(name) for name in ("input", "keras_tensor", "pixels", "pixels_a_to_b")} == {Pixels()}
    assert Pixels.of(images("both signs", 255 - BYTES)).name == "pixels_-1_to_1_dark_on_light"


def test_polarity_is_known_only_where_all_images_agree_and_have_no_colours():
    assert Pixels.of(BYTES).light_on_dark is True
    assert Pixels.of(255 - BYTES).light_on_dark is False
    assert Pixels.of(np.concatenate([BYTES, 255 - BYTES[:1]])).light_on_dark is None
    assert Pixels.of(np.repeat(BYTES, 3, axis=3)).light_on_dark is None
    assert Pixels.of(np.zeros((2, 5, 5, 1), np.uint8)).black == 0


# -- two parts of one dataset

SAME = [{"bytes", "dark bytes", "floats up to 255"}, {"shares", "two shades", "two shades in bytes"}]
SAME += [{"halves", "standardised"}]  # not, but a few dark images of the one may be as the other


@pytest.mark.parametrize("train", SCALES)
@pytest.mark.parametrize("test", SCALES)
def test_scales_contradict_where_they_differ(train, test):
    same = train == test or any({train, test} <= each for each in SAME)
    assert Pixels.of(images(train)).contradicts(Pixels.of(images(test))) != same


def test_ends_that_no_convention_gives_may_differ_as_those_of_few_images_do():
    source = np.random.default_rng(1)
    photographs = source.normal(0, 1, (500, 8, 8, 3)).astype(np.float32)
    counts = source.poisson(3, (500, 8, 8, 1)).astype(np.float32)
    overshooting = np.clip(source.normal(0.5, 0.4, (500, 8, 8, 1)), -0.03, 1.04).astype(np.float32)
    for images in (photographs, counts, overshooting):
        for few in (2, 20):
            assert not Pixels.of(images).contradicts(Pixels.of(images[:few]))
    assert not Pixels.of(overshooting).contradicts(Pixels.of(np.clip(overshooting, 0, 1)))


@pytest.mark.parametrize(
    ("train", "test", "match"),
    [
        (
            lambda x: x / 255,
            lambda x: x / 1,
            "pixels are from 0 to 255, light on dark, but from 0 to 1, light on dark in",
        ),
        (
            lambda x: x / 1,
            lambda x: x / 255,
            "pixels are from 0 to 1, light on dark, but from 0 to 255, light on dark in",
        ),
        (
            lambda x: x,
            lambda x: 255 - x,
            "pixels are from 0 to 255, dark on light, but from 0 to 255, light on dark in x",
        ),
        (
            lambda x: x,
            lambda x: (x / 255).astype(np.uint8),
            "pixels are from 0 to 1, light on dark, but from 0 to 255, ",
        ),
    ],
)
def test_train_and_test_images_that_contradict_are_refused_by_file_and_name(tmp_path, train, test, match):
    labels = {"y_train": np.arange(40) % 4, "y_test": np.arange(40) % 4}
    source = npz(tmp_path / "my.npz", x_train=train(BYTES), x_test=test(BYTES), **labels)
    with pytest.raises(DataError, match=match) as caught:
        load_dataset(source)
    assert str(caught.value).startswith(f"{source}, x_test: ")
    assert load_dataset(npz(tmp_path / "same.npz", x_train=train(BYTES), x_test=train(BYTES), **labels))


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 255 - x, lambda x: x / np.float32(255)])
def test_images_are_centred_if_their_ink_is_where_it_is_in_mnist(change):
    digits = mnist().x_train[:500]
    filling = np.kron(digits[:, 7:21, 7:21], np.ones((1, 2, 2, 1), np.uint8))  # the middle, twice as large
    for images_, centred in ((digits, True), (np.roll(digits, 3, axis=1), False), (filling, False)):
        pixels = Pixels.of(change(images_))
        assert pixels.centred == centred
        assert Pixels.named(pixels.name) == pixels
    assert Pixels.of(change(digits[:, 2:])).centred  # no other shape is told apart
