"""Check a data set before hours are spent: every file is read whole, and labels and masks are compared.

    python tools/check_data.py ROOT --split train.txt --tags train.csv --classes cat dog --images photos --masks masks
    python tools/check_data.py --config configs/voc_animals/gain.py

One line a problem, with its file; the exit code is 1 if there is any.
"""

import argparse
import json
from collections.abc import Iterable

from rich.progress import track

from gain_plugin.data_checks import find_problems
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.tagged_photos import TaggedPhotos

SETTINGS = ('data_root', 'ann_file', 'classes', 'tags_file', 'masks', 'mask_classes', 'data_prefix')


def parse_args(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', nargs='?', help='folder of the data')
    parser.add_argument('--split', help='list of images in it')
    parser.add_argument('--tags', help='table of image-level labels')
    parser.add_argument('--classes', nargs='+', default=VOC_CLASSES, help="names in their order; VOC's if not given")
    parser.add_argument('--mask-classes', nargs='+', help='names of the values 1, 2, ... of masks')
    parser.add_argument('--images', default='JPEGImages', help='folder of images')
    parser.add_argument('--masks', help='folder of masks; without it and with tags, masks are not looked at')
    parser.add_argument('--config', help='check the training data of a config, in place of a root')
    parser.add_argument('--workers', type=int, default=4, help='processes')
    parser.add_argument('--json', action='store_true', help='problems as a JSON list')
    args = parser.parse_args(None if arguments is None else list(arguments))
    if not args.config and not (args.root and args.split):
        parser.error('give ROOT and --split, or --config')
    return args


def photos_of(args: argparse.Namespace) -> TaggedPhotos:
    """The list that the command line names."""
    if args.config:
        from mmengine.config import Config

        data = Config.fromfile(args.config).train_dataloader.dataset
        if data.type != 'VOCTagsDataset':
            raise ValueError(f'{args.config} trains on a {data.type}: give ROOT and --split of its parts')
        return TaggedPhotos(**{name: data[name] for name in SETTINGS if name in data})
    prefix = {'img_path': args.images, **({'seg_map_path': args.masks} if args.masks else {})}
    masks = 'found' if args.masks or not args.tags else 'none'
    return TaggedPhotos(args.root, args.split, args.classes, args.tags, masks, args.mask_classes, prefix)


def main(arguments: Iterable[str] | None = None) -> int:
    """Print the problems; 1 if there is one."""
    args = parse_args(arguments)
    try:
        photos = photos_of(args)
        bar = (lambda found, total: found) if args.json else lambda found, total: track(found, 'reading', total)
        problems = find_problems(photos, args.workers, bar)
    except (OSError, ValueError) as error:
        problems = [str(error)]
    print(json.dumps(problems, indent=1) if args.json else '\n'.join(problems) or 'nothing is wrong')
    return int(bool(problems))


if __name__ == '__main__':
    raise SystemExit(main())
