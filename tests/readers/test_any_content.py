"""Whatever is in a file: it is read, or what is wrong is said in a sentence that names it."""

import copy
import json
import random

import numpy as np
import pytest
from PIL import Image

from gain_plugin.readers import read_coco, read_labelme, read_npy, read_table, read_voc, read_yolo, write_annotations
from gain_plugin.readers.mask_values import read_mask_values

ODD = [None, -1, 0, 3.5, float('nan'), 10**12, True, '', 'x', 'a b', '../1.jpg', [], [[]], [1, 2], {}, {'id': 1}]
SHAPE = {'label': 'cat', 'points': [[0, 0], [4, 0], [4, 4]], 'shape_type': 'polygon'}
LABELME = {'imagePath': '1.jpg', 'shapes': [SHAPE], 'flags': {'dog': True}, 'imageHeight': 6, 'imageWidth': 8}
POLYGON = {'id': 1, 'image_id': 1, 'category_id': 2, 'bbox': [1, 1, 3, 3], 'segmentation': [[1, 1, 4, 1, 4, 4]]}
CODE = {**POLYGON, 'id': 2, 'iscrowd': 1, 'segmentation': {'size': [6, 8], 'counts': [40, 8]}}
COCO = {
    'images': [{'id': 1, 'file_name': '1.jpg', 'height': 6, 'width': 8}],
    'categories': [{'id': 2, 'name': 'cat'}],
    'annotations': [POLYGON, CODE],
}


def places(content, way=()):
    """The way to every part of nested lists and dicts."""
    keys = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    return [way, *(place for key in keys for place in places(content[key], (*way, key)))]


def changed(content):
    """Each part replaced by each odd value, or removed."""
    for way in places(content)[1:]:
        for value in (*ODD, 'removed'):
            other = copy.deepcopy(content)
            parent = other
            for key in way[:-1]:
                parent = parent[key]
            if value == 'removed':
                del parent[way[-1]]
            else:
                parent[way[-1]] = copy.deepcopy(value)
            yield other


def said(path, act):
    """Whether there was an error, which must name the file or its photo."""
    try:
        act()
    except (ValueError, OSError) as error:
        assert path.name in str(error) or '1.jpg' in str(error) or str(path.parent) in str(error), error
        return True
    return False


@pytest.fixture
def folder(tmp_path, photo):
    photo('in/1.jpg')
    return tmp_path / 'in'


@pytest.mark.parametrize(
    ('content', 'read'), [(COCO, read_coco), (LABELME, lambda path: read_labelme(path.parent))], ids=['coco', 'labelme']
)
def test_json_with_one_odd_value(folder, tmp_path, content, read):
    pytest.importorskip('pycocotools')
    path = folder / 'a.json'
    outcomes = set()
    for number, other in enumerate(changed(content)):
        path.write_text(json.dumps(other))
        out = tmp_path / f'out{number}'
        outcomes.add(said(path, lambda out=out: write_annotations(read(path), out, 'train')))
    assert outcomes == {False, True}


def damaged(content, count=150):
    """Bytes with one replaced, removed, doubled, or all behind it cut off."""
    draw = random.Random(0)
    for _ in range(count):
        at = draw.randrange(len(content))
        piece = draw.choice([bytes([draw.randrange(256)]), b'', content[at : at + 1] * 2, None])
        yield content[:at] if piece is None else content[:at] + piece + content[at + 1 :]


XML = '<annotation><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>3</ymax></bndbox>'
TEXTS = {
    'a.csv': (b'id,labels\n1,"cat, dog"\n', lambda path: read_table(path, path.parent, ['cat', 'dog'])),
    'values.csv': (b'class,red,green,blue\ncat,0,255,7\n', lambda path: read_mask_values(path, ['cat'])),
    '1.txt': (b'0 0.5 0.5 0.1 0.1\n0 0 0 0 1 1 1\n', lambda path: read_yolo(path.parent)),
    'data.yaml': (b'names: [cat, dog]\ntrain: images\n', lambda path: read_yolo(path.parent)),
    '1.xml': (f'{XML}</object></annotation>'.encode(), lambda path: read_voc(path.parent, ['cat', 'dog'])),
    'a.json': (json.dumps(COCO).encode(), read_coco),
}


@pytest.mark.parametrize('name', TEXTS)
def test_damaged_text(folder, name):
    (folder / 'classes.txt').write_text('cat\ndog\n')
    (folder / '1.txt').write_text('')
    content, read = TEXTS[name]
    path = folder / name
    outcomes = set()
    for other in damaged(content):
        path.write_bytes(other)
        outcomes.add(said(path, lambda: read(path)))
    assert outcomes == {False, True}


def test_damaged_arrays_and_photos(folder, tmp_path):
    path = folder / 'cls_labels.npy'
    np.save(path, {'1': np.array([1, 0], np.float32)})
    for other in damaged(path.read_bytes()):
        path.write_bytes(other)
        said(path, lambda: read_npy(path, folder, ['cat', 'dog']))
    np.save(path, {'1': np.array([1, 0], np.float32)})
    found = read_npy(path, folder, ['cat', 'dog'])
    Image.new('RGB', (8, 6)).save(folder / '1.jpg')
    for other in damaged((folder / '1.jpg').read_bytes(), 30):
        (folder / '1.jpg').write_bytes(other)
        said(path, lambda: write_annotations(found, tmp_path / 'out', 'train'))
