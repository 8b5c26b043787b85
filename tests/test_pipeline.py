import json
import os
import sys
from pathlib import Path

import pytest

VOC_ANIMALS = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
CLASSIFIER = """
_base_ = '{root}/configs/voc_animals/plain.py'
train_cfg = dict(max_iters=2)
train_dataloader = dict(batch_size=2, dataset=dict(indices=3))
test_dataloader = dict(dataset=dict(indices=3))
default_hooks = dict(attention=dict(scales=(0.25,), flip=False))
"""
SEGMENTER = """
_base_ = '{root}/configs/voc_animals_segmenters/deeplabv3plus_lite0.py'
train_cfg = dict(max_iters=2)
train_dataloader = dict(batch_size=2, dataset=dict(ann_file='{labelled}'))
test_dataloader = dict(dataset=dict(indices=2))
"""


@pytest.mark.skipif(not VOC_ANIMALS.is_dir(), reason=f'the photos are not in {VOC_ANIMALS}: set VOC_ANIMALS')
def test_goes_the_whole_road_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    root = Path(__file__).parents[1]
    monkeypatch.syspath_prepend(root / 'tools')
    from pipeline import main

    for name, config in {'plain': CLASSIFIER, 'small': SEGMENTER}.items():
        (tmp_path / f'{name}.py').write_text(config.format(root=root, labelled=tmp_path / 'labelled.txt'))
    arguments = [str(tmp_path / 'plain.py'), '--segmenter', str(tmp_path / 'small.py')]
    lists = VOC_ANIMALS / 'VOCdevkit/VOC2012/ImageSets/Segmentation'
    for name, source, count in (('few', 'train', 2), ('labelled', 'train_aug', 3)):
        (tmp_path / f'{name}.txt').write_text('\n'.join((lists / f'{source}.txt').read_text().split()[:count]))
    arguments += ['--calibrate', str(tmp_path / 'few.txt'), '--refine', 'pamr']
    monkeypatch.setattr(sys, 'argv', ['pipeline', *arguments, '--work-dir', str(tmp_path / 'out'), '--workers', '0'])
    main()
    first = (tmp_path / 'out/results.json').read_text()
    stages = json.loads(first)['plain']
    assert list(stages) == ['classifier', 'labels', 'segmenter', 'evaluation']
    assert 0 < stages['labels']['label_mIoU'] < 100
    assert 0 < stages['labels']['calibration']['foreground'] < 1
    evaluation = stages['evaluation']
    classes = ('background', 'person', 'cat', 'cow', 'dog', 'horse', 'sheep')
    shown = [evaluation[f'IoU_{name}'] for name in classes if evaluation[f'IoU_{name}'] == evaluation[f'IoU_{name}']]
    assert evaluation['mIoU'] == pytest.approx(sum(shown) / len(shown), abs=0.01)  # rounded by mmseg
    assert 0 < evaluation['mIoU'] < 100
    assert len(list((tmp_path / 'out/plain/labels').glob('*.png'))) == 3
    main()
    assert (tmp_path / 'out/results.json').read_text() == first
    assert 'plain' in capsys.readouterr().out
