import csv
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from gain_plugin.mm import pipeline
from gain_plugin.mm.pipeline import Labelling, Pipeline
from gain_plugin.mm.rounds import further_steps, second_round
from gain_plugin.pseudo_labels import LabelRule
from gain_plugin.synthetic import CLASSES, scenes
from gain_plugin.tagged_photos import VOC_CLASSES

ROOT = Path(__file__).parents[2]
CLASSIFIER = """
_base_ = '{root}/configs/synthetic/plain.py'
photos = dict(
    _delete_=True, type='VOCTagsDataset', data_root='{data}', ann_file='train.txt', tags_file='tags.csv', masks='none',
    classes={classes}, pipeline=_base_.train_dataloader.dataset.pipeline)
train_dataloader = dict(batch_size=4, dataset=photos)
test_dataloader = dict(batch_size=1, dataset={{**photos, 'masks': 'all', 'test_mode': True}})
train_cfg = dict(max_iters=6)
"""
GUIDANCE = """
default_hooks = dict(gain=dict(type='GAINHook', gain=dict(target_layer='network.features', score_layer='network')))
"""
SEGMENTER = """
_base_ = ['{root}/configs/_base_/labels.py', '{root}/configs/_base_/deeplabv3plus.py']
test_dataloader = dict(dataset=dict(data_root='{data}'))
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Six drawn scenes in the layout of VOC, and the configs."""
    root = tmp_path_factory.mktemp('rounds')
    for name in ('JPEGImages', 'SegmentationClass'):
        (root / name).mkdir()
    drawn = scenes(6)
    names = [f'scene_{index}' for index in range(6)]
    for name, image, mask in zip(names, drawn.images, drawn.masks, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(root / f'JPEGImages/{name}.png')
        Image.fromarray(mask.numpy()).save(root / f'SegmentationClass/{name}.png')
    (root / 'train.txt').write_text('\n'.join(names))
    with (root / 'tags.csv').open('w') as file:
        rows = [' '.join(CLASSES[place] for place in labels.nonzero()[:, 0]) for labels in drawn.labels]
        csv.writer(file).writerows([('id', 'labels'), *zip(names, rows, strict=True)])
    for name, text in {'plain': CLASSIFIER, 'gain': CLASSIFIER + GUIDANCE, 'segmenter': SEGMENTER}.items():
        (root / f'{name}.py').write_text(text.format(root=ROOT, data=root, classes=CLASSES))
    return root


@pytest.fixture
def trained(monkeypatch):
    """Where each training of a classifier began, and the names of its losses, by the folder of its pipeline."""
    seen = {}

    def train(cfg, work_dir):
        begin = Path((work_dir / 'last_checkpoint').read_text()).name if work_dir.exists() else None
        runner = original(cfg, work_dir)
        losses = {name for name in runner.message_hub.log_scalars if name.startswith('train/loss_')}
        seen[work_dir.parent.name] = begin, losses
        return runner

    original = pipeline.train
    monkeypatch.setattr(pipeline, 'train', train)
    monkeypatch.setattr(pipeline, 'STAGES', ('classifier', 'labels'))  # the others know nothing of rounds
    return seen


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize(
    ('name', 'terms'), [('plain', {'train/loss_cls'}), ('gain', {'train/loss_cls', 'train/loss_am'})]
)
def test_a_second_round_goes_on_with_its_own_labels_and_once(folder, tmp_path, trained, name, terms):
    labelling = Labelling(LabelRule(otsu=True))
    first = Pipeline(folder / f'{name}.py', folder / 'segmenter.py', tmp_path, labelling, workers=0)
    rounds = [first, first.further(labels=False), first.further(labels=True)]
    results = {one.folder.name: one.run() for one in rounds}
    assert list(results) == [name, f'{name}_longer', f'{name}_round2']
    longer, round2 = trained[f'{name}_longer'], trained[f'{name}_round2']
    assert longer[0] == round2[0] == 'iter_6.pth'
    assert longer[1] == trained[name][1] == terms
    assert round2[1] == terms | {'train/loss_ext'}
    assert (tmp_path / f'{name}_round2/classifier/iter_8.pth').is_file()
    for made, stages in results.items():
        assert stages['labels']['label_mIoU'] == pytest.approx(miou_of(tmp_path / made / 'labels', folder), abs=1e-3)
    trained.clear()
    again = Pipeline(folder / f'{name}.py', folder / 'segmenter.py', tmp_path, labelling, workers=0)
    assert again.further(labels=True).run() == results[f'{name}_round2']
    assert not trained


def miou_of(labels: Path, folder: Path) -> float:
    """mIoU of label files against the true masks, in per cent."""
    truth, made = (
        np.stack([np.asarray(Image.open(path)) for path in sorted(place.glob('*.png'))])
        for place in (folder / 'SegmentationClass', labels)
    )
    pairs = [(truth == value, made == value) for value in range(5) if (truth == value).any() or (made == value).any()]
    return 100 * float(np.mean([(one & other).sum() / (one | other).sum() for one, other in pairs]))


def config(**settings):
    photos = {'type': 'VOCTagsDataset', 'masks': 'none', 'classes': ('dog', 'cat'), **settings}
    return Config({'train_cfg': {'max_iters': 9}, 'train_dataloader': {'dataset': photos}, 'default_hooks': {}})


def test_a_third_of_the_steps_is_added_and_all_of_them_are_guided():
    cfg = config()
    cfg.default_hooks.gain = {'type': 'GAINHook', 'warmup': 5}
    longer = further_steps(cfg)
    assert longer.train_cfg.max_iters == 12
    assert longer.default_hooks.gain == {'type': 'GAINHook', 'warmup': 9, 'ramp': 0}
    assert cfg.train_cfg.max_iters == 9
    assert cfg.default_hooks.gain == {'type': 'GAINHook', 'warmup': 5}


def test_a_guided_classifier_gets_the_masks_beside_its_own_loss():
    cfg = config(data_prefix={'img_path': 'photos'})
    cfg.custom_hooks = [{'type': 'GAINHook', 'warmup': 5, 'loss': {'alpha': 0.7}}]
    made = second_round(cfg, Path('/labels'))
    loss = {'alpha': 0.7, 'ext_weight': 3.0}
    assert made.custom_hooks[0] == {'type': 'GAINHook', 'warmup': 9, 'ramp': 0, 'loss': loss}
    data = made.train_dataloader.dataset
    assert data.masks == 'found'
    assert data.data_prefix == {'img_path': 'photos', 'seg_map_path': '/labels'}


def test_a_plain_classifier_gets_the_masks_alone_and_is_read_as_its_maps_are():
    cfg = config()
    cfg.default_hooks.attention = {'type': 'AttentionHook', 'num_classes': 2, 'target_layer': 'stem'}
    hook = second_round(cfg, Path('/labels')).default_hooks.gain
    assert hook.loss == {'alpha': 0.0, 'ext_weight': 3.0}
    assert hook.gain == {'target_layer': 'stem'}
    assert hook.warmup == 9


@pytest.mark.parametrize(
    ('settings', 'names'),
    [
        ({}, ('dog', 'cat', *(name for name in VOC_CLASSES if name not in ('dog', 'cat')))),
        ({'classes': ('ship', 'buoy')}, ('ship', 'buoy')),
        (
            {'classes': ('ship', 'buoy'), 'mask_classes': {'background': 9, 'gull': 1, 'buoy': 2, 'ship': 3}},
            ('ship', 'buoy', 'gull'),
        ),
    ],
)
def test_values_of_labels_are_numbered_as_the_classes_are_and_tags_may_name_others(settings, names):
    assert second_round(config(**settings), Path('/labels')).train_dataloader.dataset.mask_classes == names


def test_true_masks_stay_and_photos_without_get_labels():
    cfg = config()
    tagged = cfg.train_dataloader.dataset
    masked = {**tagged, 'masks': 'all'}
    cfg.train_dataloader.dataset = {'type': 'BalancedConcat', 'datasets': [tagged, masked]}
    made = second_round(cfg, Path('/labels')).train_dataloader.dataset.datasets
    assert [one.masks for one in made] == ['found', 'all']
    assert made[1] == masked


def test_what_cannot_have_a_second_round_is_told():
    with pytest.raises(ValueError, match="no VOCTagsDataset with masks='none' among the training data"):
        second_round(config(masks='all'), Path('/labels'))
    cfg = config()
    cfg.default_hooks.gain = {'type': 'GAINHook', 'loss': [{}, {}]}
    with pytest.raises(ValueError, match='has several terms: a second round knows GAINLoss alone'):
        second_round(cfg, Path('/labels'))
    cfg.train_cfg = {'type': 'EpochBasedTrainLoop', 'max_epochs': 3}
    with pytest.raises(ValueError, match='give train_cfg an IterBasedTrainLoop with max_iters'):
        further_steps(cfg)


def test_settings_of_a_round_are_those_of_a_file(folder, tmp_path):
    """What is kept must be the same when the command is typed again."""
    first = Pipeline(folder / 'gain.py', folder / 'segmenter.py', tmp_path)
    settings = json.dumps(first.further(labels=True).settings(), default=str)
    assert json.dumps(first.further(labels=True).settings(), default=str) == settings
    assert str(tmp_path / 'gain/labels') in settings
