"""Write what ``VOCTagsDataset`` reads, from the annotations that VOC and COCO come with.

    python tools/image_level_labels.py voc data/VOCdevkit/VOC2012
    python tools/image_level_labels.py coco data/coco/annotations/instances_val2017.json --masks

An image's labels are the classes of its annotated objects, difficult and crowded ones too. VOC's go to
``image_level_labels.csv`` in the folder given. COCO's go to ``val2017.csv`` in the folder that ``annotations`` is in,
with the list of images ``val2017.txt`` and, if asked for, masks in ``masks/val2017``: 0 background, c + 1 for the c-th
category by id, 255 crowd. Blanks in names of classes become underscores.
"""

import argparse
import csv
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gain_plugin.label_files import voc_palette, write_whole

CROWD = 255


def read_voc(root: Path) -> dict[str, list[str]]:
    """Names of the classes of each image with an XML file in ``root/Annotations``."""
    paths = sorted((root / 'Annotations').glob('*.xml'))
    if not paths:
        raise FileNotFoundError(f'{root / "Annotations"} has no XML file: give the folder VOC2012 of VOC')
    return {path.stem: _read_xml(path) for path in paths}


def read_coco(path: Path) -> dict[str, Any]:
    """The file of instances, parsed."""
    if not path.is_file():
        raise FileNotFoundError(f'{path} is not there: unpack the annotations of COCO')
    content = json.loads(path.read_text())
    missing = {'images', 'annotations', 'categories'} - set(content)
    if missing:
        raise ValueError(f'{path} has no {", ".join(sorted(missing))}: give an instances_*.json of COCO')
    return content


def coco_labels(content: dict[str, Any]) -> dict[str, list[str]]:
    """Names of the classes of each image, in the order of the categories; none for an image without objects."""
    names = {category['id']: _one_word(category['name']) for category in content['categories']}
    present: dict[int, set[int]] = {image['id']: set() for image in content['images']}
    for annotation in content['annotations']:
        present[annotation['image_id']].add(annotation['category_id'])
    return {_stem(image): [names[key] for key in sorted(present[image['id']])] for image in content['images']}


def write_coco_masks(content: dict[str, Any], folder: Path) -> None:
    """A palette PNG an image: 0 background, c + 1 for the c-th category by id, 255 crowd. Needs pycocotools."""
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise ImportError("masks need pycocotools: pip install 'gain_plugin[coco]'") from error
    coco = COCO()
    coco.dataset = content
    coco.createIndex()
    values = {key: value for value, key in enumerate(sorted(coco.cats), 1)}
    folder.mkdir(parents=True, exist_ok=True)
    for key, image in coco.imgs.items():
        mask = np.zeros((image['height'], image['width']), np.uint8)
        # crowds below objects, the smaller objects above the larger
        for shape in sorted(coco.imgToAnns[key], key=lambda shape: (not shape['iscrowd'], -shape['area'])):
            mask[coco.annToMask(shape) > 0] = CROWD if shape['iscrowd'] else values[shape['category_id']]
        _write_mask(mask, folder / f'{_stem(image)}.png')


def write_labels(labels: dict[str, list[str]], path: Path) -> None:
    """CSV with the columns ``id`` and ``labels``, these with blanks between."""
    with path.open('w', newline='') as file:
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(('id', 'labels'))
        rows.writerows((name, ' '.join(classes)) for name, classes in labels.items())
    print(f'{path}: labels of {len(labels)} images')


def parse_args(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest='source', required=True)
    sources.add_parser('voc').add_argument('path', type=Path, metavar='ROOT', help='the folder VOC2012')
    coco = sources.add_parser('coco')
    coco.add_argument('path', type=Path, metavar='INSTANCES_JSON', help='instances_*.json')
    coco.add_argument('--masks', action='store_true', help='write masks, too (pip install pycocotools)')
    return parser.parse_args(None if arguments is None else list(arguments))


def main(arguments: Iterable[str] | None = None) -> None:
    """Write the files of the command line."""
    args = parse_args(arguments)
    if args.source == 'voc':
        return write_labels(read_voc(args.path), args.path / 'image_level_labels.csv')
    content = read_coco(args.path)
    labels = coco_labels(content)
    root, name = args.path.absolute().parents[1], args.path.stem.removeprefix('instances_')
    write_labels(labels, root / f'{name}.csv')
    (root / f'{name}.txt').write_text(''.join(f'{image}\n' for image in labels))
    if args.masks:
        write_coco_masks(content, root / 'masks' / name)
    return None


def _read_xml(path: Path) -> list[str]:
    try:
        objects = ElementTree.parse(path).findall('object')
    except ElementTree.ParseError as error:
        raise ValueError(f'cannot read {path}: {error}') from error
    return sorted({_one_word(found.findtext('name', '')) for found in objects})


def _write_mask(mask: np.ndarray, path: Path) -> None:
    picture = Image.fromarray(mask)
    picture.putpalette(voc_palette())
    write_whole(path, lambda file: picture.save(file, 'PNG'))


def _one_word(name: str) -> str:
    return name.strip().replace(' ', '_')


def _stem(image: dict[str, Any]) -> str:
    return Path(image['file_name']).stem


if __name__ == '__main__':
    try:
        main()
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(str(error)) from error
