"""Every block of docs/own_data.md, in the order of the page, on small data."""

import json
import re
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/own_data.md').read_text('utf-8')
BLOCKS = re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)
CONVERTED = [block for block in BLOCKS if 'convert_data' in block]
AFTERWARDS = [block for block in BLOCKS if block not in CONVERTED]
SMALL = (
    'train_dataloader.batch_size=4 train_dataloader.num_workers=0 train_dataloader.persistent_workers=False '
    'default_hooks.attention.scales=(1.0,) default_hooks.attention.flip=False '
    'train_dataloader.dataset.pipeline.0.scale=(80,80) train_dataloader.dataset.pipeline.1.crop_size=(64,64) '
    'val_dataloader.dataset.pipeline.0.transforms.0.scale=(80,80) '
    'test_dataloader.dataset.pipeline.0.transforms.0.scale=(80,80) model.data_preprocessor.size=(64,64)'
).split()
BOX = '<xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>40</ymax>'
XML = f'<annotation><object><name>cat</name><bndbox>{BOX}</bndbox></object></annotation>'


def run(block, *more):
    """Each command of a block in this process, which has imported what it needs."""
    for line in block.replace('\\\n', ' ').strip().splitlines():
        assert line.startswith('python tools/')
        words = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', f'printf "%s\\0" {line.removeprefix("python ")}'],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split('\0')[:-1]
        sys.argv = [*words, *more]
        try:
            runpy.run_path(str(ROOT / words[0]), run_name='__main__')
        except SystemExit as stop:
            assert not stop.code, stop.code


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', [])
    monkeypatch.setattr(sys, 'path', [*sys.path])


def draw(name, seed):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(256, size=(60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def make_folders(divided=False):
    for index in range(12):
        folder = f'photos/{("train/", "val/")[index % 4 // 2] if divided else ""}{("cat", "hot dog")[index % 2]}'
        draw(f'{folder}/photo {index}.png', index)


def make_table():
    """Photos with labels, and masks of cats in colours."""
    for index in range(20):
        draw(f'photos/a/{index}.jpg', index)
    rows = [f'a/{index},{("cat", "hot dog", "cat,hot dog", "")[index % 4]}\n' for index in range(20)]
    Path('tags.csv').write_text('id,labels\n' + ''.join(rows), 'utf-8')
    Path('colours.csv').write_text(re.search(r'```csv\n(.*?)```', PAGE, re.DOTALL).group(1), 'utf-8')
    Path('masks/a').mkdir(parents=True)
    mask = np.zeros((60, 80, 3), np.uint8)
    mask[10:30, 10:40] = 128, 0, 0
    for index in range(0, 20, 2):
        Image.fromarray(mask).save(f'masks/a/{index}.png')


def make_coco():
    make_table()
    corners = [10, 10, 50, 10, 50, 40, 10, 40]
    content = {
        'images': [{'id': 7 * index, 'file_name': f'a/{index}.jpg', 'height': 60, 'width': 80} for index in range(10)],
        'annotations': [
            {'id': index, 'image_id': 7 * index, 'category_id': 5, 'segmentation': [corners]} for index in range(10)
        ],
        'categories': [{'id': 5, 'name': 'cat'}, {'id': 2, 'name': 'hot dog'}],
    }
    Path('instances.json').write_text(json.dumps(content))


def make_yolo():
    for index in range(5):
        draw(f'photos/images/{index}.jpg', index)
        Path('photos/labels').mkdir(exist_ok=True)
        Path(f'photos/labels/{index}.txt').write_text('1 0.5 0.5 0.9 0.9\n')
    Path('photos/data.yaml').write_text('names: [cat, hot dog]\n')


def make_labelme():
    for index in range(5):
        draw(f'photos/{index}.jpg', index)
        shape = {'label': 'cat', 'points': [[10, 10], [50, 10], [10, 40]]}
        content = {'imagePath': f'{index}.jpg', 'shapes': [shape], 'imageHeight': 60, 'imageWidth': 80}
        Path(f'photos/{index}.json').write_text(json.dumps(content))


def make_voc():
    """The two lists of VOC, and one more photo in SBD."""
    from scipy.io import savemat

    for folder in ('VOC2012/Annotations', 'VOC2012/SegmentationClass', 'VOC2012/ImageSets/Segmentation'):
        Path(folder).mkdir(parents=True)
    Path('benchmark_RELEASE/dataset/cls').mkdir(parents=True)
    names = [f'2007_00000{index}' for index in range(5)]
    mask = np.full((60, 80), 8, np.uint8)
    for index, name in enumerate(names):
        draw(f'VOC2012/JPEGImages/{name}.jpg', index)
        Path(f'VOC2012/Annotations/{name}.xml').write_text(XML)
        Image.fromarray(mask).save(f'VOC2012/SegmentationClass/{name}.png')
    Path('VOC2012/SegmentationClass/2007_000004.png').unlink()
    savemat(f'benchmark_RELEASE/dataset/cls/{names[4]}.mat', {'GTcls': {'Segmentation': mask}})
    Path('VOC2012/ImageSets/Segmentation/train.txt').write_text('\n'.join(names[:2]))
    Path('VOC2012/ImageSets/Segmentation/val.txt').write_text('\n'.join(names[2:4]))
    Path('VOC2012/ImageSets/Segmentation/train_aug.txt').write_text(
        f'/JPEGImages/{names[4]}.jpg /SegmentationClassAug/a'
    )
    Path('benchmark_RELEASE/dataset/train.txt').write_text(names[4])
    Path('benchmark_RELEASE/dataset/val.txt').write_text(names[3])
    np.save('cls_labels.npy', {name: np.eye(20)[7] for name in names})


def make_huggingface():
    datasets = pytest.importorskip('datasets')
    features = datasets.Features({'image': datasets.Image(), 'label': datasets.ClassLabel(names=['cat', 'hot dog'])})
    rows = {'image': [Image.new('RGB', (80, 60))] * 5, 'label': [0, 1, 0, 1, 0]}
    datasets.Dataset.from_dict(rows, features).save_to_disk('saved')


MAKE = {
    'folders': make_folders,
    'divided': partial(make_folders, divided=True),
    'table': make_table,
    'coco': make_coco,
    'yolo': make_yolo,
    'labelme': make_labelme,
    'voc': make_voc,
    'voc-sbd': make_voc,
    'npy': make_voc,
    'huggingface': make_huggingface,
}


@pytest.mark.parametrize('block', CONVERTED, ids=lambda block: ' '.join(block.split()[2:4]))
def test_every_source_is_converted_for_a_config_that_opens(block):
    from mmengine.config import Config
    from mmengine.registry import DATASETS, init_default_scope

    import gain_plugin.mm  # noqa: F401

    pytest.importorskip('pycocotools')
    MAKE['divided' if '--split train --out own --config classes' in block else block.split()[2]]()
    run(block)
    init_default_scope('mmseg')
    cfg = Config.fromfile('own/config.py')
    for loader in (cfg.train_dataloader, *([] if '--list' in block else [cfg.val_dataloader])):
        data = DATASETS.build({**loader.dataset, 'pipeline': []})
        assert len(data) >= 1
        assert data.metainfo['classes'] == cfg.classes
        masks = [data[index].get('gt_seg_map') for index in range(len(data))]
        drawn = any(mask is not None and 0 < mask[15, 15] <= len(cfg.classes) for mask in masks)
        assert drawn == ('--config masks' in block or '--config boxes' in block)


def test_training_looking_and_labels_in_the_order_of_the_page():
    make_table()
    run(CONVERTED[2])
    check, train, test, compare, labels, segmenter, maps = AFTERWARDS
    run(check)
    run(train, '--cfg-options', *SMALL, 'train_cfg.max_epochs=2')
    (log,) = Path('work_dirs/own').glob('*/vis_data/scalars.json')
    logged = {key: value for line in log.read_text().splitlines() for key, value in json.loads(line).items()}
    assert logged['loss_am'] > 0 and logged['loss_ext'] > 0
    assert {'mAP', 'seed_mIoU'} <= set(logged)
    pictures = list(Path('work_dirs/own/maps').iterdir())
    assert len(pictures) >= 1
    pictures[0].unlink()
    run(test, '--cfg-options', *SMALL)
    assert pictures[0].exists()
    plain, report = compare.replace('\\\n', ' ').strip().splitlines()
    run(plain, '--cfg-options', *SMALL, 'train_cfg.max_epochs=1')
    run(report)
    assert 'seed mIoU' in Path('report.html').read_text()
    run(labels, '--workers', '0', '--cfg-options', *SMALL)
    listed = {line.split(',')[0] for line in Path('own/train.csv').read_text().splitlines()[1:] if line.split(',')[1]}
    assert {Path(name).stem for name in listed} <= {path.stem for path in Path('own/labels').rglob('*.png')}
    run(segmenter, '--cfg-options', 'train_cfg.max_iters=1', 'train_dataloader.batch_size=2')
    assert Path('work_dirs/segmenter/iter_1.pth').exists()
    run(maps, '--cfg-options', *SMALL)
    listed = [Path(name).with_suffix('.npy') for name in Path('own/val.txt').read_text().splitlines()]
    assert {path.relative_to('own/maps') for path in Path('own/maps').rglob('*.npy')} == set(listed)


def test_the_loop_of_steps():
    make_table()
    run(CONVERTED[1])
    (code,) = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)
    Path('steps.py').write_text(code)
    run('python tools/train.py steps.py --work-dir work', '--cfg-options', *SMALL, 'train_cfg.max_iters=3')
    assert Path('work/iter_3.pth').exists()


@pytest.mark.parametrize(
    ('make', 'block', 'expected'),
    [
        (make_yolo, CONVERTED[4], {'loss_am', 'loss_ext', 'mAP', 'MaxBoxAccV2'}),  # boxes
        (make_folders, CONVERTED[0], {'loss_am', 'mAP', 'top1'}),  # one class a photo
    ],
)
def test_the_other_configs(make, block, expected):
    make()
    run(block)
    run(AFTERWARDS[1], '--cfg-options', *SMALL, 'train_cfg.max_epochs=2')
    (log,) = Path('work_dirs/own').glob('*/vis_data/scalars.json')
    assert expected <= {key for line in log.read_text().splitlines() for key in json.loads(line)}
