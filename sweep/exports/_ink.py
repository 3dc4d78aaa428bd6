"""Finds the ink of one figure on a sheet, and sizes and centres it as MNIST does.

The preparation is that of LeCun et al. 1998, "Gradient-based learning applied to document recognition", section III.A:
the ink is cropped, fitted into 20x20 pixels with its aspect ratio kept, and centred by its centre of mass in 28x28.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 512
"""Pixels of a picture's longer side while its ink is looked for. All lengths below are in such pixels."""
STROKE = 128
"""No stroke is as wide; a shadow that is narrower counts as ink."""
LINE = 10
"""A ruled line is thinner, and longer than `LENGTH` of the sheet."""
LENGTH = 0.6
LEAST_CONTRAST, LEAST_SIZE = 0.1, 20
"""Fainter or smaller marks are no figure: the share of the ground's light that ink takes, and the longer side."""
NOISE = 3
"""Ink is so many times stronger than what the ground itself shows."""
THICKNESS = 0.095
"""Of the longer side of a figure: thinner strokes are thickened, as they would vanish in 20x20 pixels."""
BOX, SHAPE = 20, (28, 28, 1)

Mask = NDArray[np.bool_]


def prepared(picture: Image.Image) -> tuple[NDArray[np.float32], bool]:
    """A grey picture of a figure -> an image of `SHAPE`, from 0 to 255, light on dark; whether it was light on dark.

    The image is 0 where no figure stands out. Lighting, shadows, ruled lines, specks and what reaches in over the
    picture's edges are left out.
    """
    scale = SIDE / max(picture.size)
    size = [max(1, round(scale * length)) for length in picture.size]
    filtered = picture.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX)
    light = ndimage.gaussian_filter(np.asarray(filtered, float) / 255, 1)
    light_on_dark = _light_on_dark(light)
    ink = _ink(1 - light if light_on_dark else light)
    figure = _figure(ink & ~_ruled(ink) & ~_ruled(ink.T).T)
    return np.zeros(SHAPE, np.float32) if figure is None else _centred(_thickened(figure)), light_on_dark


def _light_on_dark(light: NDArray[np.float64]) -> bool:
    """Whether strong deviations from the median around are light. In logarithms a shadow is weaker than ink."""
    dense = np.log(light[::8, ::8] + 0.1)
    around = ndimage.median_filter(dense, size=SIDE // 16 + 1)
    return bool(np.sum((dense - around) ** 3) > 0)


def _ink(light: NDArray[np.float64]) -> Mask:
    """Where a sheet is darker than its ground, if anything stands out. The ground follows the lighting.

    A closing fills what is narrower than its window, and keeps slopes and the edges of wider shadows.
    """
    margin = np.pad(light, STROKE, "reflect", reflect_type="odd")  # so continued, slopes stay slopes
    ground = ndimage.grey_closing(margin, size=(STROKE, STROKE))[STROKE:-STROKE, STROKE:-STROKE]
    taken = 1 - light / np.maximum(ground, 0.05)
    noise = np.median(taken)
    strongest = np.percentile(taken, 99.9) - noise
    return (taken - noise > 0.4 * strongest) & (strongest >= max(LEAST_CONTRAST, NOISE * noise))


def _ruled(ink: Mask) -> Mask:
    """Thin and nearly horizontal lines across most of the sheet, except where a stroke crosses them."""
    height, width = ink.shape
    rows, columns = np.nonzero(ink)
    found = np.zeros_like(ink)
    for slope in np.linspace(-0.1, 0.1, 53):  # steps of 2 pixels over the sheet
        levels = np.rint(rows - slope * (columns - width / 2)).astype(int) + height
        found[rows, columns] |= (np.bincount(levels, minlength=3 * height) >= LENGTH * width)[levels]
    edges = ndimage.binary_dilation(found, np.ones((5, 1), bool)) & ink
    return edges & ~ndimage.binary_opening(ink, np.ones((LINE + 2, 1), bool))


def _figure(ink: Mask) -> Mask | None:
    """The largest connected part and those close to it; None where it is too small to be read.

    What touches the picture's edges is a figure only if the picture is cropped to it.
    """
    labels, count = ndimage.label(ink, np.ones((3, 3), bool))
    if not count:
        return None
    areas = np.bincount(labels.ravel())[1:]
    boxes = np.array([[(side.start, side.stop) for side in box] for box in ndimage.find_objects(labels)])
    inside = np.all(boxes[..., 0] > 0, axis=1) & np.all(boxes[..., 1] < ink.shape, axis=1)
    main = np.argmax(np.where(inside, areas, areas / 10))
    (top, bottom), (left, right) = boxes[main]
    longer = max(bottom - top, right - left)
    if longer < (LEAST_SIZE if inside[main] else min(ink.shape) / 2):
        return None
    gap = longer // 4
    near = np.all((boxes[..., 0] < [bottom + gap, right + gap]) & (boxes[..., 1] > [top - gap, left - gap]), axis=1)
    kept = near & (areas >= 0.03 * areas[main]) & (inside | ~inside[main])
    return _cropped(np.append(False, kept)[labels])


def _thickened(figure: Mask) -> Mask:
    """Thin strokes brought to `THICKNESS`. A bar is four times as wide as its points are deep."""
    thickness = 4 * ndimage.distance_transform_edt(np.pad(figure, 1)).sum() / figure.sum()
    missing = (THICKNESS * max(figure.shape) - thickness) / 2
    if missing <= 0:
        return figure
    return _cropped(ndimage.distance_transform_edt(~np.pad(figure, int(missing) + 2)) <= missing)


def _centred(figure: Mask) -> NDArray[np.float32]:
    """Fitted into `BOX`, its centre of mass in the middle of `SHAPE`."""
    height, width = (max(1, round(length * BOX / max(figure.shape))) for length in figure.shape)
    drawing = Image.fromarray(figure.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BICUBIC)
    small = np.asarray(drawing, np.float32)
    image = np.zeros(SHAPE, np.float32)
    corner = np.rint([14 - middle for middle in ndimage.center_of_mass(small)])  # in MNIST, pixel 14 is the middle
    top, left = np.clip(corner, 0, [28 - height, 28 - width]).astype(int)
    image[top : top + height, left : left + width, 0] = small
    return image


def _cropped(figure: Mask) -> Mask:
    rows, columns = np.flatnonzero(figure.any(axis=1)), np.flatnonzero(figure.any(axis=0))
    return figure[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
