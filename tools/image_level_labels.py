"""Write what ``VOCTagsDataset`` reads, from the annotations that VOC and COCO come with.

    python tools/image_level_labels.py voc data/VOCdevkit/VOC2012
    python tools/image_level_labels.py coco data/coco/annotations/instances_val2017.json --masks --out labels

An image's labels are the classes of its annotated objects, difficult and crowded ones too. VOC's go to
``image_level_labels.csv``. COCO's go to ``val2017.csv``, with the list ``val2017.txt`` and, if asked for, masks
in ``masks/val2017``: 0 background, c + 1 for the c-th category by id, 255 crowd. All are in the folder of the data set
(of COCO that which ``annotations`` is in), or in ``--out``. Blanks in names of classes become underscores.
"""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from PIL import Image

from gain_plugin.files import write_atomically
from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import voc_palette
from gain_plugin.readers import Annotations, Photo, draw_mask, read_coco
from gain_plugin.readers.voc import read_xml


def voc_labels(root: Path) -> dict[str, list[str]]:
    """Names of the classes of each image with an XML file in ``root/Annotations``."""
    paths = sorted((root / 'Annotations').glob('*.xml'))
    if not paths:
        raise FileNotFoundError(f'{root / "Annotations"} has no XML file: give the folder VOC2012 of VOC')
    return {path.stem: sorted({_one_word(name) for name, _ in read_xml(path)[0]}) for path in paths}


def coco_labels(content: Annotations) -> dict[str, list[str]]:
    """Names of the classes of each image, in the order of the categories; none for an image without objects."""
    return {_stem(photo): [_one_word(content.classes[label]) for label in photo.labels] for photo in content.photos}


def write_coco_masks(content: Annotations, folder: Path) -> None:
    """A palette PNG an image: 0 background, c + 1 for the c-th category by id, 255 crowd. Needs pycocotools."""
    numbers = MaskNumbers(content.classes, content.classes)
    for photo in content.photos:
        if photo.size is None:
            raise ValueError(f'{photo.name} has no height and width: its mask cannot be drawn')
        picture = Image.fromarray(draw_mask(photo, photo.size, numbers))
        picture.putpalette(voc_palette())
        path = folder / f'{_stem(photo)}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file, picture=picture: picture.save(file, 'PNG'))


def write_labels(labels: dict[str, list[str]], path: Path) -> None:
    """CSV with the columns ``id`` and ``labels``, these with blanks between."""
    with path.open('w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(('id', 'labels'))
        rows.writerows((name, ' '.join(classes)) for name, classes in labels.items())
    print(f'{path}: labels of {len(labels)} images')


def parse_args(arguments: Iterable[str] | None = None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sources = parser.add_subparsers(dest='source', required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        '--out', type=Path, help='folder of what is written, where that of the data is to stay as it is'
    )
    voc = sources.add_parser('voc', parents=[common])
    voc.add_argument('path', type=Path, metavar='ROOT', help='the folder VOC2012')
    coco = sources.add_parser('coco', parents=[common])
    coco.add_argument('path', type=Path, metavar='INSTANCES_JSON', help='instances_*.json')
    coco.add_argument('--masks', action='store_true', help='write masks, too (pip install pycocotools)')
    return parser.parse_args(None if arguments is None else list(arguments))


def main(arguments: Iterable[str] | None = None) -> None:
    """Write the files of the command line."""
    args = parse_args(arguments)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    if args.source == 'voc':
        return write_labels(voc_labels(args.path), (args.out or args.path) / 'image_level_labels.csv')
    content = read_coco(args.path)
    labels = coco_labels(content)
    root, name = args.out or args.path.absolute().parents[1], args.path.stem.removeprefix('instances_')
    write_labels(labels, root / f'{name}.csv')
    (root / f'{name}.txt').write_text(''.join(f'{image}\n' for image in labels), 'utf-8')
    if args.masks:
        write_coco_masks(content, root / 'masks' / name)
    return None


def _one_word(name: str) -> str:
    return name.strip().replace(' ', '_')


def _stem(photo: Photo) -> str:
    return PurePosixPath(photo.name).with_suffix('').as_posix()


if __name__ == '__main__':
    try:
        main()
    except (OSError, ValueError, ImportError) as error:
        raise SystemExit(str(error)) from error
