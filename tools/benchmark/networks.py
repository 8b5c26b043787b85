"""The networks that the benchmarks run, and batches for them."""

import argparse
import platform
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from gain_plugin.synthetic import small_classifier

CLASSES = 20


def _scores(output: object) -> Tensor:
    assert isinstance(output, Tensor)
    return output if output.ndim == 2 else output.mean((-2, -1))  # of a segmentation network, over the image


def _fcn_r18() -> nn.Module:
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS

    init_default_scope('mmseg')
    norm = {'norm_cfg': {'type': 'BN'}}
    backbone = {'type': 'ResNet', 'depth': 18, 'out_indices': (3,), **norm}
    head = {'type': 'FCNHead', 'in_channels': 512, 'channels': 128, 'in_index': 0, 'num_classes': CLASSES, **norm}
    return MODELS.build({'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head})


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, Callable[[object], Tensor]]] = {
    'resnet50': (partial(timm.create_model, 'resnet50', num_classes=CLASSES), 128, _scores),
    'vgg16': (partial(timm.create_model, 'vgg16', num_classes=CLASSES), 160, _scores),
    'efficientnet_lite0': (partial(timm.create_model, 'tf_efficientnet_lite0', num_classes=CLASSES), 160, _scores),
    'vit_small': (
        partial(
            timm.create_model,
            'vit_small_patch16_224',
            num_classes=CLASSES,
            img_size=160,
            dynamic_img_size=True,
            global_pool='avg',
        ),
        160,
        _scores,
    ),
    'fcn_r18': (_fcn_r18, 128, _scores),
    'small': (partial(small_classifier, CLASSES), 64, _scores),
}
"""What makes each, the side of its images in pixels, and what takes its scores (N, K) out of its output."""


def labels_of(images: int, share: float) -> Tensor:
    """(N, K) multi-hot with ``share`` labels an image on average."""
    labels = torch.zeros(images, CLASSES)
    for pair in range(round(images * share)):
        labels[pair % images, (3 + 7 * (pair // images)) % CLASSES] = 1
    return labels


def banner(args: argparse.Namespace) -> str:
    """Machine and versions."""
    device = torch.cuda.get_device_name() if args.device == 'cuda' else f'{_cpu()}, {torch.get_num_threads()} threads'
    return f'torch {torch.__version__}, {device}, batches of {args.batch_size}'


def _cpu() -> str:
    """Its name where Linux tells it, else its kind."""
    info = Path('/proc/cpuinfo')
    found = re.search(r'model name\s*: (.*)', info.read_text()) if info.exists() else None
    return found[1] if found else platform.machine()
