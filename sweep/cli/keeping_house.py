"""The panel "Keep house": is everything there, and is anything left over?"""

import shutil
from typing import Annotated

import typer
from typer import Option

from sweep.cli.options import Engine, Json, KeepCheckpoints, Storage
from sweep.defaults import KEEP_CHECKPOINTS, LOCAL, STORAGE
from sweep.errors import InputError


def gc(
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
    abandoned: Annotated[
        bool,
        Option("--abandoned", help="Remove also what interrupted runs of `train`, `confirm` and `export` resume from."),
    ] = False,
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS,
    storage: Storage = STORAGE,
) -> None:
    """Remove checkpoints that no study needs, and decoded images that no run was trained on."""
    from sweep.cli.tables import print_table
    from sweep.storage.checkpoints import unused
    from sweep.storage.database import checkpoint_folder, image_folder
    from sweep.storage.invariants import superfluous, unused_images
    from sweep.storage.store import Reader
    from sweep.wording import several, size

    with Reader.open(storage) as store, unused(checkpoint_folder(storage)):
        found = superfluous(store, checkpoint_folder(storage), keep_checkpoints, abandoned)
        found += unused_images(store, image_folder(storage))
        for each in [] if dry_run else found:
            try:
                shutil.rmtree(each.path) if each.path.is_dir() else each.path.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"{each.path} cannot be removed: {error.strerror}.") from None
    if found:
        print_table(["file", "size", "what"], [[f.path.name, size(f.size), f.what] for f in found], right=(1,))
    all_of_them = f"{several(len(found), 'file')}, {size(sum(each.size for each in found))}"
    print(f"{all_of_them}: {'kept, this is a dry run' if dry_run else 'removed'}")


def doctor(engine: Engine = LOCAL, storage: Storage = STORAGE, as_json: Json = False) -> None:
    """Check versions, devices, data and database, and say how to repair them."""
    from sweep.cli.doctor import examine
    from sweep.cli.tables import print_json, print_table

    findings = list(examine(storage, engine))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        print_table(["", "what", "found", "remedy"], [[f.mark, f.what, f.found, f.remedy] for f in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
