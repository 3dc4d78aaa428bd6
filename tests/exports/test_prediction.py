"""Real digits of MNIST as pictures of all kinds, and what a small network that was trained on them says."""

import json
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps
from samples.training import mnist

from sweep.cli.taking_away import print_predictions
from sweep.data.pixels import Pixels
from sweep.errors import InputError
from sweep.exports import prediction
from sweep.exports.prediction import predict

COUNT = 50
layers = keras.layers
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, as it saves a model


@pytest.fixture(scope="module")
def best(tmp_path_factory) -> Path:
    """A folder with a model.keras as `sweep export` writes it: raw pixels to probabilities."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(mnist().x_train[:20_000], mnist().y_train[:20_000], batch_size=64, epochs=1, verbose=0)
    folder = tmp_path_factory.mktemp("exported")
    model.save(folder / prediction.MODEL)
    return folder


@pytest.fixture(scope="module")
def said(best) -> np.ndarray:
    """What the model itself says of the first digits, (COUNT, 10)."""
    return keras.saving.load_model(best / prediction.MODEL).predict(mnist().x_test[:COUNT], verbose=0)


def digit(index: int = 0) -> Image.Image:
    return Image.fromarray(mnist().x_test[index, ..., 0])


def pictures(folder: Path, change, suffix: str, count: int = COUNT) -> list[Path]:
    """The first digits of the test images as files, each after a change."""
    paths = [folder / f"{index}.{suffix}" for index in range(count)]
    for index, path in enumerate(paths):
        change(digit(index)).save(path)
    return paths


def saved(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


# -- real digits


def test_a_digit_as_a_png_of_its_own_size_gets_just_what_the_model_gives_it(best, said, tmp_path):
    found = predict(best, pictures(tmp_path, lambda image: image, "png"))
    assert np.allclose([each.probabilities for each in found], said, atol=1e-6)
    assert [each.digit for each in found] == said.argmax(axis=1).tolist()
    assert [each.probability for each in found] == [max(each.probabilities) for each in found]
    assert (said.argmax(axis=1) == mnist().y_test[:COUNT]).mean() >= 0.94


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("size", [28, 40, 517])
@pytest.mark.parametrize("inverted", [False, True], ids=["as in MNIST", "dark on light"])
def test_fifty_digits_are_read_as_the_model_does_whatever_their_size_and_kind(
    best, said, tmp_path, suffix, size, inverted
):
    def change(image: Image.Image) -> Image.Image:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
        return ImageOps.invert(image) if inverted else image

    found = predict(best, pictures(tmp_path, change, suffix))
    same = sum(each.digit == theirs for each, theirs in zip(found, said.argmax(axis=1), strict=True))
    assert same >= COUNT - 1
    for each in found:
        assert any("inverted" in note for note in each.notes) == inverted


def test_a_picture_taken_as_it_is_is_not_inverted(best, said, tmp_path):
    paths = pictures(tmp_path, ImageOps.invert, "png")
    plain = predict(best, paths, as_is=True)
    assert not any("inverted" in note for each in plain for note in each.notes)
    expected = keras.saving.load_model(best / prediction.MODEL).predict(255 - mnist().x_test[:COUNT], verbose=0)
    assert np.allclose([each.probabilities for each in plain], expected, atol=1e-6)


@pytest.mark.parametrize("light", [False, True], ids=["as in MNIST", "dark on light"])
@pytest.mark.parametrize("shape", [(300, 100), (100, 300)], ids=str)
def test_a_picture_that_is_no_square_is_read_and_as_it_is_padded_with_the_colour_of_its_edges(
    best, tmp_path, shape, light
):
    canvas = Image.new("L", shape, 0)
    canvas.paste(digit(2).resize((100, 100)), ((shape[0] - 100) // 2, (shape[1] - 100) // 2))  # a one
    picture = saved(ImageOps.invert(canvas) if light else canvas, tmp_path / "one.png")
    (found,) = predict(best, [picture])
    assert found.digit == mnist().y_test[2] == 1
    assert found.probability > 0.9
    image = prediction._sized(canvas, (28, 28, 1), "pad")
    assert image.shape == (28, 28, 1)
    assert image[0].max() == image[-1].max() == 0


def test_images_that_are_not_centred_as_in_mnist_have_their_pictures_padded():
    elsewhere = Pixels(centred=False)
    picture = digit(2).resize((100, 100))
    fitted, _ = prediction._fit(picture, (28, 28, 1), elsewhere)
    assert np.array_equal(fitted, prediction._sized(picture, (28, 28, 1), "pad"))
    assert not np.array_equal(fitted, prediction._fit(picture, (28, 28, 1), Pixels())[0])


@pytest.mark.parametrize(
    ("shape", "pixels", "said"),
    [
        ((28, 28, 1), Pixels(), "no digit found"),
        ((28, 28, 1), Pixels(centred=False), "nothing found"),  # as Fashion-MNIST
        ((16, 16, 1), Pixels(), "nothing found"),
        ((28, 28, 3), Pixels(light_on_dark=None), "nothing found"),
    ],
)
def test_a_network_that_may_not_know_digits_does_not_speak_of_them(shape, pixels, said):
    assert prediction._nothing(shape, pixels) == said


@pytest.mark.parametrize("as_is", [False, True])
@pytest.mark.parametrize("shape", [(5000, 1), (1, 5000), (1, 1), (90, 60), (28, 28)], ids=str)
def test_a_picture_of_nothing_has_no_digit_and_no_probability(best, tmp_path, shape, as_is):
    (found,) = predict(best, [saved(Image.new("L", shape, 200), tmp_path / "blank.png")], as_is=as_is)
    assert (found.digit, found.probability, found.probabilities) == (None, None, ())
    assert found.notes == ("no digit found",)
    assert found.doubted


# -- kinds of pictures


def as_16_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)


def on_nothing(ink: int):
    """The digit drawn in one shade of grey, with transparency around it."""

    def drawn(image: Image.Image) -> Image.Image:
        shade = Image.new("L", image.size, ink)
        return Image.merge("LA", (shade, image))

    return drawn


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.convert("RGB"),
        lambda image: image.convert("P"),
        lambda image: image.convert("RGBA"),
        lambda image: image.convert("LA"),
        as_16_bits,
        on_nothing(255),
        on_nothing(0),
        lambda image: on_nothing(0)(image).convert("RGBA"),
    ],
    ids=["colour", "palette", "colour with alpha", "alpha", "16 bits", "light on nothing", "dark on nothing", "ink"],
)
def test_a_digit_is_the_same_in_every_kind_of_png(best, said, tmp_path, change):
    found = predict(best, pictures(tmp_path, change, "png", 10))
    assert np.allclose([each.probabilities for each in found], said[:10], atol=0.05)


def test_black_and_white_and_colour_jpegs_are_read(best, said, tmp_path):
    found = predict(best, pictures(tmp_path, lambda image: image.point(lambda v: 255 * (v > 127)).convert("1"), "png"))
    assert sum(each.digit == theirs for each, theirs in zip(found, said.argmax(axis=1), strict=True)) >= COUNT - 4
    found = predict(best, pictures(tmp_path, lambda image: image.resize((200, 200)).convert("CMYK"), "jpg", 10))
    assert [each.digit for each in found] == said[:10].argmax(axis=1).tolist()


def test_a_photograph_lies_as_its_camera_was_held(best, said, tmp_path):
    turned, exif = digit().resize((112, 112)).transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turned to the right
    (found,) = predict(best, [saved(turned, tmp_path / "seven.jpg", exif=exif)])
    assert found.digit == said[0].argmax() == 7


def test_a_network_of_colours_gets_colours(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 6, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.save(tmp_path / prediction.MODEL)
    pixels = np.random.default_rng(0).integers(128, 256, (8, 6, 3), np.uint8)
    (found,) = predict(tmp_path, [saved(Image.fromarray(pixels), tmp_path / "colours.png")])
    assert np.allclose(found.probabilities, model.predict(pixels[None].astype(np.float32), verbose=0)[0], atol=1e-6)
    assert not any("inverted" in note for note in found.notes)


# -- hints


def test_what_no_class_is_probable_for_is_doubted_and_nothing_else(best, tmp_path):
    two = Image.fromarray(np.maximum(np.asarray(digit(0)), np.asarray(digit(2).rotate(90))))
    steps = [Image.blend(digit(0), digit(8), share / 10) for share in range(11)]  # from a seven to a five
    found = predict(best, [saved(each, tmp_path / f"{n}.png") for n, each in enumerate([two, *steps])])
    for each in found:
        assert each.doubted == (each.probability < prediction.LEAST_PROBABILITY)
        assert each.notes == (("unsure: it looks like none of them",) if each.doubted else ())
    assert 0 < sum(each.doubted for each in found) < len(found)


# -- pictures that cannot be


def test_every_bad_picture_is_told_in_a_sentence_of_its_own(best, tmp_path):
    good = saved(digit().resize((300, 300)), tmp_path / "good.png")
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8))
    photo = saved(noisy, tmp_path / "photo.jpg")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:-400])
    (tmp_path / "cut.jpg").write_bytes(photo.read_bytes()[:-400])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    saved(digit(), tmp_path / "other.tiff")
    expected = {
        "cut.png": "cannot be read: damaged or cut short",
        "cut.jpg": "cannot be read: damaged or cut short",
        "text.png": "not a PNG, JPEG, BMP, GIF or WEBP picture.",
        "empty.png": "not a PNG, JPEG, BMP, GIF or WEBP picture.",
        "other.tiff": "not a PNG, JPEG, BMP, GIF or WEBP picture.",
        "goood.png": "no such file. Did you mean 'good.png'?",
        "": "cannot be read: Is a directory.",
    }
    with pytest.raises(InputError) as caught:
        predict(best, [good, *(tmp_path / name for name in expected)])
    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected)
    for line, (name, part) in zip(lines, expected.items(), strict=True):
        assert line.startswith(f"{tmp_path / name}: {part}")
        assert line.endswith((".", "?"))


def test_a_picture_of_too_many_pixels_is_refused_before_it_fills_the_memory(best, tmp_path):
    small = saved(digit(), tmp_path / "small.png")
    content = bytearray(small.read_bytes())
    header = struct.pack(">II", 60_000, 60_000)
    content[16:24] = header
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "bomb.png").write_bytes(content)
    with pytest.raises(InputError, match=r"bomb\.png: more than 89 million pixels are too many; make it smaller\.$"):
        predict(best, [tmp_path / "bomb.png"])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_with_any_one_byte_flipped_is_read_or_told(tmp_path, suffix):
    content = saved(digit(), tmp_path / f"good.{suffix}").read_bytes()
    path = tmp_path / f"bad.{suffix}"
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        with suppress(InputError):
            prediction._read_all([path])


# -- models that cannot be


def tampered(best: Path, folder: Path, change, name: str = "config.json") -> Path:
    """A copy of the model in which one of its parts has been changed, or is gone; as an archive it is whole."""
    with zipfile.ZipFile(best / prediction.MODEL) as source, zipfile.ZipFile(folder / prediction.MODEL, "w") as target:
        for part in source.namelist():
            content = change(source.read(part)) if part == name else source.read(part)
            if content is not None:
                target.writestr(part, content)
    return folder


def settings(change):
    """Changes the model's settings as JSON."""

    def of(content: bytes) -> bytes:
        document = json.loads(content)
        change(document["config"]["layers"])
        return json.dumps(document).encode()

    return of


MARK = "tampered_model_ran"
CODE = compile(f"def f(x):\n    import pathlib; pathlib.Path('{MARK}').touch(); return x", "f", "exec").co_consts[0]


def add_code(layers_: list) -> None:
    import base64
    import marshal

    code = base64.b64encode(marshal.dumps(CODE)).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    settled = {"name": "code", "function": function, "arguments": {}}
    layers_.insert(1, {"module": "keras.layers", "class_name": "Lambda", "config": settled, "registered_name": None})


def call_system(layers_: list) -> None:
    layers_[2]["config"]["activation"] = {
        "module": "os", "class_name": "function", "config": "system", "registered_name": "system"
    }  # fmt: skip


def foreign_class(layers_: list) -> None:
    layers_[1] |= {"module": "antigravity", "class_name": "Anything", "registered_name": None}


def impossible_size(layers_: list) -> None:
    layers_[-1]["config"]["units"] = 10**11


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (settings(add_code), "config.json"),
        (settings(call_system), "config.json"),
        (settings(foreign_class), "config.json"),
        (settings(impossible_size), "config.json"),
        (lambda _: b"{", "config.json"),
        (lambda _: None, "config.json"),
        (lambda _: None, "model.weights.h5"),
        (lambda content: content[:2000], "model.weights.h5"),
    ],
    ids=["code", "a function of os", "a foreign class", "a size", "no JSON", "no settings", "no weights",
         "half of the weights"],
)  # fmt: skip
def test_a_model_that_was_tampered_with_is_refused_and_runs_nothing(best, tmp_path, monkeypatch, change, name):
    monkeypatch.chdir(tmp_path)
    picture = saved(digit(), tmp_path / "seven.png")
    with pytest.raises(InputError) as caught:
        predict(tampered(best, tmp_path, change, name), [picture])
    assert str(caught.value).startswith(f"{tmp_path / prediction.MODEL} cannot be loaded safely (")
    assert str(caught.value).endswith("it is not as `sweep export` wrote it. Do not trust it.")
    assert not (tmp_path / MARK).exists()
    assert "antigravity" not in sys.modules


def test_the_code_that_is_refused_would_have_run(best, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = keras.saving.load_model(
        tampered(best, tmp_path, settings(add_code)) / prediction.MODEL, compile=False, safe_mode=False
    )
    model(np.zeros((1, 28, 28, 1), np.float32))
    assert (tmp_path / MARK).exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_model_that_is_cut_short_is_told_without_keras(best, tmp_path, monkeypatch, share):
    content = (best / prediction.MODEL).read_bytes()
    (tmp_path / prediction.MODEL).write_bytes(content[: int(share * len(content))])
    monkeypatch.setattr(prediction, "_load", lambda _: pytest.fail("Keras was asked"))
    with pytest.raises(InputError, match=r"model\.keras is damaged or cut short; `sweep export` writes it anew\.$"):
        predict(tmp_path, [saved(digit(), tmp_path / "seven.png")])


def test_a_model_with_a_flipped_byte_is_told(best, tmp_path):
    content = bytearray((best / prediction.MODEL).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / prediction.MODEL).write_bytes(content)
    with pytest.raises(InputError, match="is damaged or cut short"):
        predict(tmp_path, [])


@pytest.mark.parametrize("activation", [None, "relu"])
def test_a_model_without_probabilities_is_told(tmp_path, activation):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10, activation=activation)])
    model.save(tmp_path / prediction.MODEL)
    with pytest.raises(InputError, match="does not give probabilities"):
        predict(tmp_path, [saved(digit(), tmp_path / "seven.png")])


def test_a_model_of_something_else_is_told(tmp_path):
    keras.Sequential([keras.Input((5,)), layers.Dense(2)]).save(tmp_path / prediction.MODEL)
    with pytest.raises(
        InputError, match=r"takes no single pictures or gives no probabilities of classes: \(\(None, 5\)"
    ):
        predict(tmp_path, [saved(digit(), tmp_path / "seven.png")])


def test_a_folder_that_is_not_there_or_empty_is_told_with_what_is(best, tmp_path):
    (tmp_path / "best").mkdir()
    with pytest.raises(InputError, match=r"There is no .*/best/model\.keras; `sweep export` writes it\.$"):
        predict(tmp_path / "best", [])
    with pytest.raises(InputError, match=r"/bset/model\.keras; `sweep export` writes it\. Did you mean 'best'\?$"):
        predict(tmp_path / "bset", [])


# -- the command


def test_the_command_prints_a_table_and_nothing_else(best, tmp_path):
    paths = [str(path) for path in pictures(tmp_path, lambda image: image.resize((60, 60)), "png", 3)]
    saved(ImageOps.invert(digit()), tmp_path / "dark.jpg")

    def sweep(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "sweep", "predict", str(best), *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    table = sweep(*paths, "dark.jpg")
    assert (table.returncode, table.stderr) == (0, "")
    lines = table.stdout.splitlines()
    assert lines[0].split() == ["picture", "class", "probability"]
    assert [line.split()[1] for line in lines[1:]] == ["7", "2", "1", "7"]
    assert lines[-1].endswith("inverted: it is dark on light")
    bad = sweep(*paths, "none.png")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("none.png: no such file.")


def test_json_says_the_same_of_each_picture(best, tmp_path, capsys):
    found = predict(best, pictures(tmp_path, ImageOps.invert, "png", 2))
    print_predictions(found, as_json=True)
    for said_, each in zip(json.loads(capsys.readouterr().out), found, strict=True):
        assert said_ == {
            "picture": str(each.picture),
            "digit": each.digit,
            "probability": each.probability,
            "probabilities": list(each.probabilities),
            "notes": ["inverted: it is dark on light"],
        }


def test_a_picture_of_nothing_has_an_empty_place_in_the_table_and_null_in_json(best, tmp_path, capsys):
    found = predict(best, [saved(Image.new("L", (90, 60), 200), tmp_path / "blank.png")])
    print_predictions(found, as_json=False)
    assert capsys.readouterr().out.splitlines()[1].split() == [str(tmp_path / "blank.png"), "no", "digit", "found"]
    print_predictions(found, as_json=True)
    (said_,) = json.loads(capsys.readouterr().out)
    assert (said_["digit"], said_["probability"], said_["probabilities"]) == (None, None, [])
