import builtins
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from image_level_labels import main
from layouts import make_coco, make_voc
from mmengine.config import Config
from PIL import Image

from gain_plugin.masks import VOC_CLASSES


def rows(path: Path) -> list[tuple[str, str]]:
    with path.open(newline='') as file:
        return [(row['id'], row['labels']) for row in csv.DictReader(file)]


def test_voc_with_difficult_objects_without_parts(tmp_path):
    labels = rows(make_voc(tmp_path) / 'image_level_labels.csv')
    assert labels == [(f'2007_{number:06}', 'cat dog') for number in range(6)]
    assert {'cat', 'dog'} < set(VOC_CLASSES)


@pytest.mark.parametrize(('year', 'prefix'), [(2014, 'COCO_train2014_'), (2017, '')])
def test_coco(tmp_path, year, prefix):
    pytest.importorskip('pycocotools')
    root = make_coco(tmp_path, year)
    names = [f'{prefix}{number:012}' for number in range(1, 5)]
    assert (root / f'train{year}.txt').read_text().split() == names
    assert rows(root / f'train{year}.csv') == [
        *((name, 'person traffic_light toothbrush') for name in names[:3]),
        (names[3], ''),
    ]
    (mask, other) = sorted((root / f'masks/val{year}').glob('*.png'))
    assert mask.stem == (root / f'val{year}.txt').read_text().split()[0]
    values = np.asarray(Image.open(mask))
    assert values.shape == (60, 80)
    # the small toothbrush above the large traffic light, both above the crowd
    assert [values[30, 30], values[15, 30], values[30, 12], values[30, 5], values[5, 60]] == [80, 10, 10, 255, 0]
    assert np.array_equal(values, Image.open(other))
    assert not (root / f'masks/train{year}').exists()


def test_classes_of_the_config_are_the_categories_in_the_order_of_their_numbers(tmp_path):
    pytest.importorskip('pycocotools')
    content = json.loads((make_coco(tmp_path, 2017) / 'annotations/instances_val2017.json').read_text())
    names = [
        category['name'].replace(' ', '_') for category in sorted(content['categories'], key=lambda one: one['id'])
    ]
    assert list(Config.fromfile('configs/coco17/plain.py').classes) == names and len(names) == 80


def test_a_folder_beside_data_that_must_not_be_written_to(tmp_path):
    pytest.importorskip('pycocotools')
    voc, coco = make_voc(tmp_path / 'voc'), make_coco(tmp_path / 'coco', 2017)
    before = {path for root in (voc, coco) for path in root.rglob('*')}
    main(['voc', str(voc), '--out', str(tmp_path / 'out/a')])
    main(['coco', str(coco / 'annotations/instances_val2017.json'), '--masks', '--out', str(tmp_path / 'out')])
    assert {path for root in (voc, coco) for path in root.rglob('*')} == before
    assert rows(tmp_path / 'out/a/image_level_labels.csv') == rows(voc / 'image_level_labels.csv')
    assert rows(tmp_path / 'out/val2017.csv') == rows(coco / 'val2017.csv')
    assert len(list((tmp_path / 'out/masks/val2017').glob('*.png'))) == 2


def test_errors_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match='Annotations has no XML file: give the folder VOC2012'):
        main(['voc', str(tmp_path)])
    (tmp_path / 'Annotations').mkdir()
    (tmp_path / 'Annotations/a.xml').write_text('<annotation>')
    with pytest.raises(ValueError, match=r'cannot read .*a.xml'):
        main(['voc', str(tmp_path)])
    with pytest.raises(FileNotFoundError, match=r'none.json is not there'):
        main(['coco', str(tmp_path / 'none.json')])
    path = tmp_path / 'annotations/captions_val2017.json'
    path.parent.mkdir()
    path.write_text('{"images": [], "annotations": []}')
    with pytest.raises(ValueError, match='has no categories: give an instances_'):
        main(['coco', str(path)])
    image = {'id': 1, 'file_name': 'a.jpg', 'height': 8, 'width': 8}
    shape = {'id': 1, 'image_id': 1, 'category_id': 1, 'segmentation': [[0, 0, 4, 0, 4, 4]]}
    content = {'images': [image], 'annotations': [shape], 'categories': [{'id': 1, 'name': 'cat'}]}
    path.write_text(json.dumps(content))
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith('pycocotools'):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ImportError, match=r'pip install .gain_plugin\[coco\]'):
        main(['coco', str(path), '--masks'])
