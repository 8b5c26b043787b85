"""The work of ``gain-plugin maps``: one photo after the other, so that a broken one does not stop the others."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from gain_plugin.explain import Network, class_indices, explain
from gain_plugin.explain_picture import draw_explained
from gain_plugin.images import read_image
from gain_plugin.pictures import save_maps
from gain_plugin.timm_network import timm_network

SHOWN = 20  # rows of the table


def network_of(name: str | None, size: int | None, config: Path | None, checkpoint: Path | None, out: Path) -> Network:
    """The network that the command line names; the log of one of mmengine goes to ``out``."""
    if config is None or checkpoint is None:
        return timm_network(name, size)
    from gain_plugin.mm.networks import config_network

    return config_network(config, checkpoint, out / 'log')


def draw_maps(
    network: Network, photos: Sequence[Path], out: Path, classes: Sequence[str] | int, form: str | None, quiet: bool
) -> dict[Path, str]:
    """Write a picture of each photo, and print a table; what is wrong with photos that could not be read.

    Args:
        network: the classifier.
        photos: paths.
        out: folder, made if it is not there.
        classes: names of classes, or how many of those with the highest scores.
        form: of the maps to save, None for pictures alone.
        quiet: print nothing.

    """
    shown = classes if isinstance(classes, int) else class_indices(classes, network.classes)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True, quiet=quiet)
    table, failed = Table('picture', 'class', 'score', 'when erased'), {}
    for path, name in track(list(zip(photos, _names(photos), strict=True)), 'photos', console=console):
        try:
            photo = read_image(path)
        except ValueError as error:
            failed[path] = str(error)
            continue
        seen = explain(network, photo, shown)
        names = [network.classes[one] for one in seen.classes]
        draw_explained(photo, seen, network.classes, out / f'{name}.png')
        if form:
            save_maps(out / 'maps', name, seen.maps, names, form)
        for row in zip(names, seen.before, seen.after, strict=True):
            if table.row_count < SHOWN:
                table.add_row(escape(f'{name}.png'), escape(row[0]), f'{row[1]:.3f}', f'{row[2]:.3f}')
    if not quiet:
        Console().print(table)
        saved = f', maps in {out / "maps"}' if form else ''
        count = len(photos) - len(failed)
        print(f'{count} picture{"" if count == 1 else "s"} in {out}{saved}, of {network.name}')
    return failed


def _names(photos: Sequence[Path]) -> list[str]:
    """Names of the pictures: those of the photos, numbered where two have the same."""
    taken: dict[str, None] = {}
    for path in photos:
        stem, number = path.stem, 1
        while (name := stem if number == 1 else f'{stem}_{number}') in taken:
            number += 1
        taken[name] = None
    return list(taken)
