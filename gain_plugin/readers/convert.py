"""The command that turns a source into the lists, tags and masks that ``VOCTagsDataset`` reads."""

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gain_plugin.readers.annotations import Annotations
from gain_plugin.readers.coco import read_coco
from gain_plugin.readers.config import KINDS, check_root, write_config, write_segmenter
from gain_plugin.readers.folders import read_folders
from gain_plugin.readers.huggingface import read_huggingface
from gain_plugin.readers.labelme import read_labelme
from gain_plugin.readers.mask_values import read_mask_values
from gain_plugin.readers.npy import read_npy
from gain_plugin.readers.table import read_table
from gain_plugin.readers.voc import read_voc, read_voc_sbd
from gain_plugin.readers.write import divide, listed, read_classes, write_annotations
from gain_plugin.readers.yolo import read_yolo

VAL_SHARE = 0.2


def parse_args(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog='gain-plugin convert',
        description='Turn photos with labels into the lists, labels and masks that configs/own_data read.',
    )
    formats = parser.add_subparsers(dest='format', required=True, metavar='FORMAT')
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('--out', type=Path, required=True, help='folder of what is written')
    common.add_argument('--split', help='write all photos into this list, as train; else into train and val')
    common.add_argument('--list', type=Path, help='take only the photos that are listed in this file, one a line')
    common.add_argument('--val-share', type=float, default=VAL_SHARE, help='share of the photos that val gets')
    common.add_argument('--config', choices=KINDS, default='tags', help='which of configs/own_data config.py inherits')
    common.add_argument('--boxes', action='store_true', help='masks of boxes, even where there are outlines')
    common.add_argument('--no-masks', action='store_true', help='write no masks')

    ordered = argparse.ArgumentParser(add_help=False)
    ordered.add_argument('--classes', type=Path, help='names of the classes in their order, one a line')

    def add(name: str, source: str, text: str, *more: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = formats.add_parser(name, parents=[common, *more], help=text, description=text)
        command.add_argument('source', type=Path, metavar=source)
        return command

    add('folders', 'ROOT', 'class folders, as ROOT/cat/1.jpg', ordered)
    add('coco', 'JSON', 'instances of COCO').add_argument('--photos', type=Path, help="else the JSON file's folder")
    add('yolo', 'ROOT', 'text files of YOLO with data.yaml or classes.txt')
    add('labelme', 'ROOT', 'JSON files of LabelMe', ordered)
    add('voc', 'ROOT', 'XML files of VOC: ROOT/Annotations and ROOT/JPEGImages', ordered)
    sbd = add('voc-sbd', 'VOC2012', 'VOC 2012 with the masks of SBD; --split train or val')
    sbd.add_argument('--sbd', type=Path, required=True, help='benchmark_RELEASE/dataset')
    npy = add('npy', 'NPY', 'cls_labels.npy, a dict of multi-hot vectors', ordered)
    npy.add_argument('--photos', type=Path, required=True, help='folder of the photos')
    table = add('table', 'CSV', 'a CSV of photos and labels, and a folder of masks', ordered)
    table.add_argument('--photos', type=Path, required=True, help='folder of the photos')
    table.add_argument('--masks', type=Path, help='folder of masks, under the names of the photos')
    table.add_argument('--mask-values', type=Path, help='CSV class,value or class,red,green,blue of the masks')
    hub = add('huggingface', 'DATASET', 'a folder of save_to_disk of datasets')
    hub.add_argument('--image', default='image', help='column of images')
    hub.add_argument('--labels', help='column of labels; else label or labels')
    return parser.parse_args(None if arguments is None else list(arguments))


def read(args: argparse.Namespace) -> Annotations:
    """The source that the command line names."""
    if args.format == 'coco':
        return read_coco(args.source, args.photos)
    if args.format == 'yolo':
        return read_yolo(args.source, args.split)
    if args.format == 'voc-sbd':
        return read_voc_sbd(args.source, args.sbd, args.split)
    if args.format == 'huggingface':
        return read_huggingface(_load(args.source), args.out / 'photos', args.image, args.labels)
    known = args.classes or args.out / 'classes.txt'  # of another split
    classes = read_classes(known) if args.classes or known.is_file() else None
    try:
        return _read_named(args, classes)
    except ValueError as error:
        where = f'; {known} has the classes' if 'none of the classes' in str(error) else ''
        raise ValueError(f'{error}{where}') from error


def _read_named(args: argparse.Namespace, classes: Sequence[str] | None) -> Annotations:
    """A source whose classes may be given."""
    if args.format == 'npy':
        return read_npy(args.source, args.photos, classes)
    if args.format == 'table':
        return read_table(args.source, args.photos, classes, args.masks)
    if args.format == 'folders':
        return read_folders(args.source, classes, args.split)
    return {'labelme': read_labelme, 'voc': read_voc}[args.format](args.source, classes)


def main(arguments: Iterable[str] | None = None) -> None:
    """Read, write and say what there is now."""
    args = parse_args(arguments)
    if args.format in ('folders', 'yolo') and _within(args.out, args.source):
        raise ValueError(f'--out {args.out} is in {args.source}, where all photos are read: name a folder beside it')
    annotations = read(args)
    if args.list:
        annotations = listed(annotations, args.list)
    _check_kind(args.config, annotations)
    check_root(args.out, annotations.root)
    values = read_mask_values(args.mask_values, annotations.classes) if vars(args).get('mask_values') else None
    if args.split:
        splits = {args.split: annotations}
    else:
        splits = dict(zip(('train', 'val'), divide(annotations, args.val_share), strict=True))
    masks = {}
    for name, part in splits.items():
        counts = write_annotations(part, args.out, name, not args.no_masks, args.boxes, values)
        masks[name] = counts['masks']
        print(f'{args.out / name}.txt: {", ".join(f"{count} {what}" for what, count in counts.items())}')
    for note in annotations.notes:
        print(note)
    shown = {label for photo in annotations.photos for label in photo.labels}
    unseen = [name for label, name in enumerate(annotations.classes) if label not in shown]
    if unseen:
        print(f'no photo shows the classes {unseen}: they will not be learnt')
    if 'train' in splits:
        _write_configs(args, annotations, len(splits['train'].photos), masks)


def _write_configs(args: argparse.Namespace, annotations: Annotations, count: int, masks: dict[str, int]) -> None:
    if args.config in ('masks', 'boxes') and not masks['train']:
        raise ValueError(f'no photo of train has a mask for --config {args.config}: take --config tags')
    regions = [region for photo in annotations.photos for region in photo.regions or ()]
    boxes = args.boxes or any(region.outline is None for region in regions)
    if boxes and args.config == 'masks':
        print('masks are filled boxes, all or some: seeds cannot be compared with these, --config boxes does not')
    source = annotations.root, annotations.classes
    val_masks = masks.get('val') != 0  # another command may write val
    print(write_config(args.out, args.config, *source, count, val_masks))
    print(write_segmenter(args.out, *source, val_masks and not boxes))


def _within(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _check_kind(kind: str, annotations: Annotations) -> None:
    other = next((photo for photo in annotations.photos if len(photo.labels) != 1), None)
    if kind == 'classes' and other:
        names = [annotations.classes[label] for label in other.labels]
        raise ValueError(f'{other.name} has the labels {names}, --config classes needs one a photo: take --config tags')


def _load(folder: Path) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ImportError("this format needs datasets: pip install 'gain_plugin[huggingface]'") from error
    return datasets.load_from_disk(str(folder))
