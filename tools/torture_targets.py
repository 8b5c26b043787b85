"""What ``tools/torture.py`` kills: tools on the embedded data, so short that they take seconds, and what they leave."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from gain_plugin.synthetic import CLASSES, scenes

CONFIGS = {
    'plain.py': """
_base_ = '{here}/configs/synthetic/plain.py'
train_dataloader = dict(batch_size=4, num_workers={workers}, dataset=dict(count=16))
val_dataloader = dict(batch_size=4, dataset=dict(count=8))
test_dataloader = dict(batch_size=4, dataset=dict(count=8))
layers = dict(target_layer='network.features', score_layer='network')  # looking for them takes longer than training
model = dict(network=dict(_delete_=True, type='torchvision.models.squeezenet1_1', num_classes=4))
start = 4
train_cfg = dict(max_iters=12, val_interval=100)
default_hooks = dict(
    checkpoint=dict(interval=2),
    attention=dict(_delete_=True, type='AttentionHook', num_classes=4, **layers),
)
stride = 16
""",
    'gain.py': """
_base_ = 'plain.py'
default_hooks = dict(gain=dict(type='GAINHook', gain=_base_.layers, warmup=4, ramp=2))
""",
    'photos.py': """
_base_ = 'plain.py'
photos = dict(
    type='VOCTagsDataset', _delete_=True, data_root='{photos}', ann_file='list.txt', tags_file='tags.csv',
    classes=('red', 'green', 'blue', 'yellow'), masks='none',
    pipeline=[dict(type='RandomFlip', prob=0.5), dict(type='PackSegInputs', meta_keys=_base_.meta_keys)],
)
train_dataloader = dict(dataset=photos)
test_dataloader = dict(dataset={{**photos, 'pipeline': photos['pipeline'][1:], 'test_mode': True}})
""",
    'segmenter.py': """
_base_ = '{here}/configs/_base_/labels.py'
photos = dict(data_root='{photos}', ann_file='list.txt', classes=('red', 'green', 'blue', 'yellow'))
train_dataloader = dict(
    batch_size=4, num_workers={workers}, persistent_workers=False,
    dataset=dict(
        **photos,
        tags_file='tags.csv',
        pipeline=[
            _base_.load,
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCrop', crop_size=(48, 48)),
            dict(type='PackSegInputs', meta_keys=_base_.meta_keys),
        ],
    ),
)
val_dataloader = dict(dataset=dict(**photos))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=8, val_interval=100)
default_hooks = dict(checkpoint=dict(interval=2))
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[127.5] * 3, std=[64.0] * 3, size=(48, 48), bgr_to_rgb=True, seg_pad_val=255
    ),
    backbone=dict(type='ResNetV1c', depth=18, norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=512, channels=32, num_classes=5, norm_cfg=dict(type='BN'), dropout_ratio=0.5
    ),
    test_cfg=dict(mode='whole'),
)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
""",
}
"""Networks with dropout, and augmentation: their random numbers have to be those of the undisturbed run."""


class Target(NamedTuple):
    """A tool and what it leaves."""

    arguments: Callable[[Path, Path], list[str]]
    """Of the folder of configs and the folder of this round."""
    result: Callable[[Path], Any]
    """What has to be the same at the end, of the folder of the round."""


def weights_of(folder: Path) -> dict[str, str]:
    """Digests of what the last checkpoint of a training holds."""
    path = Path((folder / 'last_checkpoint').read_text())
    saved = torch.load(path, weights_only=False)  # this tool's own
    tensors = {name: digest(value.numpy().tobytes()) for name, value in saved['state_dict'].items()}
    return {**tensors, 'step': saved['meta']['iter'], 'files': sorted(p.name for p in folder.glob('*.pth*'))}


def files_of(folder: Path) -> dict[str, str]:
    """Digests of the label files."""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob('*.png'))}


def figures_of(path: Path) -> Any:
    """A file of results without times, and what only the run that was not interrupted knows."""
    aside = ('minutes', 'passes', 'command')
    return json.loads(path.read_text(), object_hook=lambda row: {k: v for k, v in row.items() if k not in aside})


def digest(content: bytes) -> str:
    """A short name for content."""
    return hashlib.sha256(content).hexdigest()[:16]


TARGETS = {
    'train': Target(
        lambda configs, work: ['train', f'{configs}/gain.py', '--work-dir', f'{work}/train', '--resume'],
        lambda work: weights_of(work / 'train'),
    ),
    'labels': Target(
        lambda configs, work: [
            *('make_pseudo_labels', f'{configs}/plain.py', f'{configs.parent}/calm/train/train/iter_12.pth'),
            *('--out', f'{work}/labels', '--workers', '0'),
        ],
        lambda work: files_of(work / 'labels'),
    ),
    'pipeline': Target(
        lambda configs, work: [
            *('pipeline', f'{configs}/photos.py', '--segmenter', f'{configs}/segmenter.py'),
            *('--work-dir', f'{work}/pipeline', '--workers', '0'),
        ],
        lambda work: {
            'figures': figures_of(work / 'pipeline/results.json'),
            'labels': files_of(work / 'pipeline/photos/labels'),
            'classifier': weights_of(work / 'pipeline/photos/classifier'),
            'segmenter': weights_of(work / 'pipeline/photos/segmenter'),
        },
    ),
    'compare': Target(
        lambda configs, work: [
            *('compare', f'{configs}/plain.py', f'{configs}/gain.py', '--work-dir', f'{work}/compare'),
            *('--pictures', '1'),
        ],
        lambda work: figures_of(work / 'compare/results.json'),
    ),
    'evidence': Target(
        lambda configs, work: [
            *('evidence', f'{configs}/plain.py', f'{configs}/gain.py', '--seeds', '0'),
            *('--work-dir', f'{work}/evidence', '--results', f'{work}/results.json'),
        ],
        lambda work: figures_of(work / 'results.json'),
    ),
}


def write_photos(folder: Path) -> None:
    """A few drawn scenes in the layout of PASCAL VOC."""
    drawn = scenes(8)
    rows = [f'{index},{";".join(CLASSES[c] for c in row.nonzero()[:, 0])}' for index, row in enumerate(drawn.labels)]
    for name in ('JPEGImages', 'SegmentationClass'):
        (folder / name).mkdir(parents=True)
    for index, (image, mask) in enumerate(zip(drawn.images, drawn.masks, strict=True)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f'JPEGImages/{index}.png')
        Image.fromarray(mask.numpy()).save(folder / f'SegmentationClass/{index}.png')
    (folder / 'list.txt').write_text('\n'.join(map(str, range(8))))
    (folder / 'tags.csv').write_text('\n'.join(['id,labels', *rows]))


def write_configs(folder: Path, workers: int) -> None:
    """The configs of the targets, and the photos of two of them, in a new folder."""
    write_photos(folder / 'photos')
    for name, text in CONFIGS.items():
        (folder / name).write_text(text.format(here=Path.cwd(), photos=folder / 'photos', workers=workers))
