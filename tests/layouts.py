"""Small copies of VOC 2012 and COCO in their own layout: random photos with one or two objects each."""

import json
from pathlib import Path

import numpy as np
from image_level_labels import main as write_image_level_labels
from PIL import Image
from torchvision.models._meta import _COCO_CATEGORIES

HEIGHT, WIDTH = 60, 80
OBJECT = """
<object><name>{name}</name><difficult>{difficult}</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox><part><name>head</name></part></object>"""


def make_voc(root: Path) -> Path:
    """Four photos to train on, two of them with masks, and two to test on, each with a cat (8) and a dog (12)."""
    folder = root / 'VOCdevkit/VOC2012'
    for name in ('JPEGImages', 'Annotations', 'SegmentationClass', 'SegmentationClassAug', 'ImageSets/Segmentation'):
        (folder / name).mkdir(parents=True)
    lists = {'trainaug': range(4), 'train': range(2), 'val': range(4, 6)}
    for name, numbers in lists.items():
        text = ''.join(f'2007_{number:06}\n' for number in numbers)
        (folder / f'ImageSets/Segmentation/{name}.txt').write_text(text)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:50, 10:40], mask[10:50, 40:70], mask[10] = 8, 12, 255
    for number in range(6):
        name = f'2007_{number:06}'
        _photo(folder / f'JPEGImages/{name}.jpg', number)
        shown = OBJECT.format(name='dog', difficult=0) + OBJECT.format(name='cat', difficult=1)
        (folder / f'Annotations/{name}.xml').write_text(f'<annotation>{shown}</annotation>')
        if number in (*lists['train'], *lists['val']):  # SegmentationClassAug lacks those that SBD has not
            Image.fromarray(mask).save(folder / f'SegmentationClass/{name}.png')
    write_image_level_labels(['voc', str(folder)])
    return folder


def make_coco(root: Path, year: int) -> Path:
    """Four photos to train on and two to test on: a toothbrush on a traffic light, and a crowd; one shows nothing."""
    for split, count in {'train': 4, 'val': 2}.items():
        name = f'{split}{year}'
        (root / name).mkdir(parents=True)
        images, shapes = [], []
        for number in range(1, count + 1):
            file = f'COCO_{name}_{number:012}.jpg' if year == 2014 else f'{number:012}.jpg'
            _photo(root / name / file, number)
            images.append({'id': number, 'file_name': file, 'height': HEIGHT, 'width': WIDTH})
            shapes += _shapes(number) if number < 4 else []
        categories = [{'id': key, 'name': text} for key, text in enumerate(_COCO_CATEGORIES) if key and text != 'N/A']
        (root / 'annotations').mkdir(exist_ok=True)
        path = root / f'annotations/instances_{name}.json'
        path.write_text(json.dumps({'images': images, 'annotations': shapes, 'categories': categories}))
        write_image_level_labels(['coco', str(path), *(['--masks'] if split == 'val' else [])])
    return root


def _photo(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(256, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _shapes(image: int) -> list[dict]:
    large = {'category_id': 10, 'area': 1600, 'segmentation': [_corners(10, 10, 50, 50)]}
    small = {'category_id': 90, 'area': 400, 'segmentation': [_corners(20, 20, 40, 40)]}
    runs = [0, HEIGHT * 15, HEIGHT * (WIDTH - 15)]  # column by column, from the left: out, in, out
    crowd = {'category_id': 1, 'area': HEIGHT * 15, 'segmentation': {'size': [HEIGHT, WIDTH], 'counts': runs}}
    shapes = [{**small, 'iscrowd': 0}, {**large, 'iscrowd': 0}, {**crowd, 'iscrowd': 1}]
    return [{**shape, 'id': 10 * image + index, 'image_id': image} for index, shape in enumerate(shapes)]


def _corners(left: int, top: int, right: int, bottom: int) -> list[int]:
    return [left, top, right, top, right, bottom, left, bottom]
