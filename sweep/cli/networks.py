"""A network as Keras's `model.summary()` prints it."""

from typing import TYPE_CHECKING

from sweep.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from sweep.api.network import Network

BYTES = 4
"""Of a weight: float32 in either precision."""


def print_network(network: "Network", as_json: bool) -> None:
    found = network.architecture
    if as_json:
        return print_json(_as_document(network))
    height, width, channels = network.image_shape
    print(f"{network.title}: {height}x{width}x{channels} images, {network.classes} classes")
    rows = [
        [f"{layer.name} ({layer.kind})", str((None, *layer.output_shape)), f"{layer.parameters:,}"]
        for layer in found.layers
    ]
    print_table(["Layer (type)", "Output Shape", "Param #"], rows, right=(2,))
    print()
    for what, count in (
        ("Total", found.parameters),
        ("Trainable", found.parameters - found.moving),
        ("Non-trainable", found.moving),
    ):
        print(f"{what} params: {count:,} ({_memory(BYTES * count)})")
    print(f"FLOPs of one image's forward pass: {found.flops:,}")


def _memory(size: float) -> str:
    """A size in bytes as Keras prints it, in powers of 1,024."""
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def _as_document(network: "Network") -> dict[str, object]:
    found = network.architecture
    layers = [
        {"name": layer.name, "type": layer.kind, "output_shape": layer.output_shape}
        | {"parameters": layer.parameters, "flops": layer.flops if found.counted is None else None}
        for layer in found.layers
    ]
    return {
        "network": network.title,
        "configuration": network.configuration.values(),
        "image_shape": network.image_shape,
        "classes": network.classes,
        "layers": layers,
        "parameters": found.parameters,
        "trainable_parameters": found.parameters - found.moving,
        "flops": found.flops,
    }
