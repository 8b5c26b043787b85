"""``gain-plugin check``."""

import json
from typing import TYPE_CHECKING, Any

import click

from gain_plugin.commands.verb import Verb

if TYPE_CHECKING:
    from gain_plugin.tagged_photos import TaggedPhotos

EXAMPLES = (
    'check --config own/config.py',
    'check own --split train.txt val.txt --tags train.csv val.csv --classes cat dog --images photos',
)


@click.command(cls=Verb, examples=EXAMPLES)
@click.argument('root', required=False)
@click.option('--split', multiple=True, metavar='LIST...', help='lists of images in it, which should share no photo')
@click.option('--tags', multiple=True, metavar='CSV...', help='table of image-level labels, one or one a list')
@click.option('--classes', multiple=True, metavar='NAME...', help="names in their order; VOC's if not given")
@click.option('--mask-classes', multiple=True, metavar='NAME...', help='names of the values 1, 2, ... of masks')
@click.option('--images', default='JPEGImages', show_default=True, help='folder of images')
@click.option('--masks', help='folder of masks; without it and with tags, masks are not looked at')
@click.option('--config', help='check what a config trains and evaluates on, in place of a root')
@click.option('--workers', default=4, show_default=True, help='processes')
@click.option('--json', 'as_json', is_flag=True, help='problems and notes as JSON')
def check(config: str | None, workers: int, as_json: bool, **data: Any) -> None:
    """Check a data set in the folder ROOT before hours are spent.

    Every file is read whole, and labels, masks and lists are compared. One line a problem, with its file; the exit code
    is 1 if there is any. Notes are about what is read right.
    """
    if not config and not (data['root'] and data['split']):
        raise click.UsageError('give ROOT and --split, or --config')
    if data['tags'] and len(data['tags']) not in (1, len(data['split'])):
        raise click.UsageError('give one table of --tags, or one a list')
    if _report(config, workers, as_json, data):
        raise SystemExit(1)


def _report(config: str | None, workers: int, as_json: bool, data: dict[str, Any]) -> list[str]:
    """Print the report; its problems."""
    from rich.console import Console
    from rich.progress import track

    from gain_plugin.data_checks import Report, check_lists

    bar = (
        (lambda found, total: found)
        if as_json
        else lambda found, total: track(found, 'reading', total, console=Console(stderr=True))
    )
    try:
        report = check_lists(_lists(**data) if config is None else _lists_of_config(config), workers, bar)
    except (OSError, ValueError) as error:
        report = Report([str(error)], [])
    if as_json:
        click.echo(json.dumps(report._asdict(), indent=1))
        return report.problems
    for note in report.notes:
        click.echo(f'note: {note}')
    click.echo('\n'.join(report.problems) or 'nothing is wrong')
    return report.problems


def _lists(
    root: str,
    split: tuple[str, ...],
    tags: tuple[str, ...],
    classes: tuple[str, ...],
    mask_classes: tuple[str, ...],
    images: str,
    masks: str | None,
) -> dict[str, list['TaggedPhotos']]:
    """The lists that the command line names, by what they are for."""
    from gain_plugin.masks import VOC_CLASSES
    from gain_plugin.tagged_photos import TaggedPhotos

    prefix = {'img_path': images, **({'seg_map_path': masks} if masks else {})}
    read = 'found' if masks or not tags else 'none'
    tables: tuple[str | None, ...] = tags or (None,)
    tables = tables * len(split) if len(tables) == 1 else tables
    return {
        one: [TaggedPhotos(root, one, classes or VOC_CLASSES, table, read, mask_classes or None, prefix)]
        for one, table in zip(split, tables, strict=True)
    }


def _lists_of_config(config: str) -> dict[str, list['TaggedPhotos']]:
    from gain_plugin.mm.config_lists import lists_of_config

    return lists_of_config(config)
