"""A figure on a sheet, found and prepared as MNIST's digits were: no network is needed to see that it is right."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from samples.training import mnist

from sweep.exports import _ink as ink

SEVEN, TWO, ONE, ZERO, FOUR = range(5)
"""The first test images of MNIST."""


def digit(place: int = SEVEN) -> np.ndarray:
    return mnist().x_test[place, ..., 0]


def sheet(size=(400, 400), share=0.7, at=(0.5, 0.5), place=SEVEN) -> np.ndarray:
    """A digit, dark on light, in a picture (height, width) from 0 to 255."""
    width, height = size
    side = round(share * min(size))
    drawn = Image.fromarray(digit(place)).resize((side, side), Image.Resampling.BICUBIC)
    canvas = Image.new("L", size)
    canvas.paste(drawn, (round(at[0] * (width - side)), round(at[1] * (height - side))))
    return 240 - 0.85 * np.asarray(canvas, float)


def image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def likeness(found: np.ndarray, place: int = SEVEN) -> float:
    """The correlation of an image with MNIST's own."""
    return float(np.corrcoef(found.ravel(), digit(place).ravel())[0, 1])


def lined(pixels: np.ndarray, tilt: int = 0, grid: bool = False) -> np.ndarray:
    drawing = image(pixels)
    draw = ImageDraw.Draw(drawing)
    for level in range(-60, drawing.height + 60, 35):
        draw.line([(0, level), (drawing.width, level + tilt)], fill=90, width=2)
    for level in range(20, drawing.width, 35) if grid else ():
        draw.line([(level, 0), (level, drawing.height)], fill=90, width=2)
    return np.minimum(pixels, np.asarray(drawing))


def shadowed(pixels: np.ndarray, edge: float = 4.0) -> np.ndarray:
    rows, columns = np.indices(pixels.shape)
    return pixels * (0.5 + 0.5 / (1 + np.exp((columns + rows / 3 - pixels.shape[1] / 2) / edge))) * (1 - rows / 1500)


def noisy(pixels: np.ndarray) -> np.ndarray:
    return pixels + np.random.default_rng(0).normal(0, 6, pixels.shape)


SHEETS = {
    "square": sheet(),
    "landscape": sheet((600, 300), 0.6),
    "portrait": sheet((300, 600), 0.6),
    "small": sheet(share=0.3),
    "in a corner": sheet((500, 400), 0.4, at=(0.02, 0.97)),
    "lined": lined(sheet()),
    "lined, tilted": lined(sheet(), tilt=20),
    "squared": lined(sheet(), grid=True),
    "shadow": shadowed(sheet()),
    "sharp shadow": shadowed(sheet(), 0.5),
    "noise": noisy(sheet()),
    "all of that": noisy(shadowed(lined(sheet((800, 600), 0.4, at=(0.2, 0.4)), tilt=10))),
    "few pixels": sheet((45, 30), 0.9),
}


CHALK = {
    "chalk": 255 - sheet((600, 400), 0.5),
    "chalk in a shadow": noisy(shadowed(255 - sheet((600, 400), 0.5))),
    "chalk on squares": 255 - lined(sheet(), grid=True),
}


@pytest.mark.parametrize("name", SHEETS | CHALK)
def test_a_digit_on_any_sheet_becomes_what_it_is_in_mnist(name):
    found, light_on_dark = ink.prepared(image((SHEETS | CHALK)[name]))
    assert found.shape == ink.SHAPE
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 255)
    assert light_on_dark == (name in CHALK)
    assert likeness(found) > 0.8, name


@pytest.mark.parametrize("place", [SEVEN, TWO, ONE, ZERO, FOUR])
def test_the_ink_fills_twenty_pixels_and_its_mass_is_in_the_middle(place):
    found, _ = ink.prepared(image(sheet((700, 500), 0.3, at=(0.9, 0.1), place=place)))
    rows, columns = np.nonzero(found[..., 0])
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == ink.BOX
    weights = found[..., 0] / found.sum()
    assert (weights.sum(axis=1) @ np.arange(28), weights.sum(axis=0) @ np.arange(28)) == pytest.approx(
        (14, 14), abs=0.6
    )
    assert likeness(found, place) > 0.8


@pytest.mark.parametrize("width", [1, 3, 9, 30])
def test_a_stroke_of_any_width_is_as_thick_as_a_stroke_of_mnist(width):
    drawing = Image.new("L", (400, 400), 250)
    ImageDraw.Draw(drawing).line([(120, 80), (280, 80), (200, 320)], fill=20, width=width, joint="curve")
    found, _ = ink.prepared(drawing)
    assert 60 < np.mean(found[found > 0]) <= 255
    assert 40 < np.count_nonzero(found > 127) < 130  # of MNIST's sevens, 95 of 100 have 53 to 128


BLANKS = {
    "white": np.full((300, 400), 255.0),
    "black": np.zeros((300, 400)),
    "one pixel": np.full((1, 1), 200.0),
    "thin": np.full((1, 5000), 200.0),
    "paper": noisy(np.full((300, 400), 200.0)),
    "lines": lined(np.full((300, 400), 230.0), tilt=5),
    "squares": lined(np.full((300, 400), 230.0), grid=True),
    "shadow": shadowed(np.full((300, 400), 230.0), 20),
    "lines in a shadow": noisy(shadowed(lined(np.full((300, 400), 230.0)), 20)),
    "even noise": np.random.default_rng(0).uniform(0, 255, (200, 300)),
    "normal noise": np.random.default_rng(0).normal(128, 50, (60, 60)),
}


@pytest.mark.parametrize("name", BLANKS)
def test_nothing_is_found_where_nothing_stands_out(name):
    found, _ = ink.prepared(image(BLANKS[name]))
    assert not found.any()


def test_a_picture_cropped_to_its_digit_is_read():
    place = ONE
    drawn = np.asarray(Image.fromarray(digit(place)).resize((280, 280), Image.Resampling.BICUBIC))
    rows, columns = np.nonzero(drawn > 100)
    cropped = 240 - 0.8 * drawn[rows.min() : rows.max(), columns.min() : columns.max()]
    assert likeness(ink.prepared(image(cropped))[0], place) > 0.8


def test_specks_and_what_reaches_in_over_the_edge_are_left_out():
    plain = sheet((500, 400), 0.5)
    marked = plain.copy()
    marked[:, :30] = 20  # the table beside the sheet
    marked[30:36, 420:426] = 20
    np.testing.assert_allclose(ink.prepared(image(marked))[0], ink.prepared(image(plain))[0], atol=80)
