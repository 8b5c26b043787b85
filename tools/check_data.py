"""Check a data set before hours are spent: every file is read whole, and labels, masks and lists are compared.

    python tools/check_data.py own --split train.txt val.txt --tags train.csv val.csv --classes cat dog --images photos
    python tools/check_data.py --config own/config.py

One line a problem, with its file; the exit status is 1 if there is any. Notes are about what is read right.
"""

import argparse
import json
from collections.abc import Iterable
from typing import Any

from rich.progress import track

from gain_plugin.data_checks import Report, check_lists
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.tagged_photos import TaggedPhotos

SETTINGS = ('data_root', 'ann_file', 'classes', 'tags_file', 'masks', 'mask_classes', 'data_prefix')


def parse_args(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', nargs='?', help='folder of the data')
    parser.add_argument('--split', nargs='+', metavar='LIST', help='lists of images in it, which should share no photo')
    parser.add_argument('--tags', nargs='+', metavar='CSV', help='table of image-level labels, one or one a list')
    parser.add_argument('--classes', nargs='+', default=VOC_CLASSES, help="names in their order; VOC's if not given")
    parser.add_argument('--mask-classes', nargs='+', help='names of the values 1, 2, ... of masks')
    parser.add_argument('--images', default='JPEGImages', help='folder of images')
    parser.add_argument('--masks', help='folder of masks; without it and with tags, masks are not looked at')
    parser.add_argument('--config', help='check what a config trains and evaluates on, in place of a root')
    parser.add_argument('--workers', type=int, default=4, help='processes')
    parser.add_argument('--json', action='store_true', help='problems and notes as JSON')
    args = parser.parse_args(None if arguments is None else list(arguments))
    if not args.config and not (args.root and args.split):
        parser.error('give ROOT and --split, or --config')
    if args.tags and len(args.tags) not in (1, len(args.split or ())):
        parser.error('give one table of --tags, or one a list')
    return args


def lists_of(args: argparse.Namespace) -> dict[str, list[TaggedPhotos]]:
    """The lists that the command line names, by what they are for."""
    if args.config:
        return lists_of_config(args.config)
    prefix = {'img_path': args.images, **({'seg_map_path': args.masks} if args.masks else {})}
    masks = 'found' if args.masks or not args.tags else 'none'
    tables = args.tags or [None]
    tables = tables * len(args.split) if len(tables) == 1 else tables
    return {
        split: [TaggedPhotos(args.root, split, args.classes, table, masks, args.mask_classes, prefix)]
        for split, table in zip(args.split, tables, strict=True)
    }


def lists_of_config(path: str) -> dict[str, list[TaggedPhotos]]:
    """Those of its training and of its evaluation, within whatever wrappers."""
    from mmengine.config import Config

    from gain_plugin.mm.label_samples import sources_of

    cfg = Config.fromfile(path)
    groups: dict[str, list[TaggedPhotos]] = {}
    known: list[dict[str, Any]] = []
    for group, name in (('training', 'train'), ('evaluation', 'val'), ('evaluation', 'test')):
        loader = cfg.get(f'{name}_dataloader')
        for data in sources_of(loader.dataset) if loader else []:
            if data.type not in ('VOCTagsDataset', 'gain_plugin.mm.VOCTagsDataset'):
                raise ValueError(
                    f'{path}: {name}_dataloader has a {data.type}, of which nothing is known: check its files'
                )
            settings = {key: data[key] for key in SETTINGS if key in data}
            if settings not in known:
                known.append(settings)
                groups.setdefault(group, []).append(TaggedPhotos(**settings))
    return groups


def main(arguments: Iterable[str] | None = None) -> int:
    """Print the report; 1 if there is a problem."""
    args = parse_args(arguments)
    try:
        bar = (lambda found, total: found) if args.json else lambda found, total: track(found, 'reading', total)
        report = check_lists(lists_of(args), args.workers, bar)
    except (OSError, ValueError) as error:
        report = Report([str(error)], [])
    if args.json:
        print(json.dumps(report._asdict(), indent=1))
        return int(bool(report.problems))
    for note in report.notes:
        print(f'note: {note}')
    print('\n'.join(report.problems) or 'nothing is wrong')
    return int(bool(report.problems))


if __name__ == '__main__':
    raise SystemExit(main())
