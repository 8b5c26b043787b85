"""A network of one's own training that is shown photos: by its config and checkpoint."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from torch import Tensor, nn

from gain_plugin.explain import Network, restore_images
from gain_plugin.mm.console import QuietRunner
from gain_plugin.mm.loading import load_fitting
from gain_plugin.mm.pseudo_labels import attention_hook

LOADERS = ('LoadImageFromFile', 'LoadAnnotations')


def config_network(config: str | Path, checkpoint: str | Path, work_dir: str | Path) -> Network:
    """The model of a config with the weights of a checkpoint, which reads photos as its test data are read.

    Maps are those of the config's ``AttentionHook``, without its affinity; without one of four scales, mirrored too.
    No data need be there: the names of the classes are those that the checkpoint was trained for.

    Args:
        config: of a classifier or a segmentor.
        checkpoint: of the same model.
        work_dir: where the log goes.

    Raises:
        ValueError: a checkpoint that does not fit, or names no classes.

    """
    cfg = Config.fromfile(config)
    cfg.update(work_dir=str(work_dir), load_from=None, resume=False)
    runner = QuietRunner.from_cfg(cfg)
    classes = _class_names(cfg, load_fitting(runner, checkpoint), checkpoint)
    model: Any = runner.model.eval()
    hook = attention_hook(runner, len(classes))
    steps = cfg.test_dataloader.dataset.pipeline
    loads = any(step['type'] == 'LoadImageFromFile' for step in steps)  # which gives BGR
    preprocessor = model.data_preprocessor
    mean, std = (getattr(preprocessor, key, torch.tensor(value)) for key, value in (('mean', 0.0), ('std', 1.0)))
    bgr = loads and not getattr(preprocessor, '_channel_conversion', False)
    return Network(
        hook.attach(model),
        classes,
        partial(_prepare, model, Compose([step for step in steps if step['type'] not in LOADERS]), loads),
        partial(_restore, mean=mean.expand(3, 1, 1), std=std.expand(3, 1, 1), bgr=bgr),
        partial(torch.softmax, dim=1) if _is_softmax(model) else torch.sigmoid,
        hook.scales,
        hook.flip,
        str(checkpoint),
    )


def _class_names(cfg: Config, trained: Sequence[str] | None, checkpoint: str | Path) -> Sequence[str]:
    named = trained or cfg.test_dataloader.dataset.get('classes')
    if not named:
        raise ValueError(f'neither {checkpoint} nor classes of the test data in the config name the classes')
    return [name for name in named if name != 'background'] if cfg.test_dataloader.dataset.get('background') else named


def _prepare(model: Any, transforms: Compose, bgr: bool, photo: np.ndarray) -> tuple[Tensor, tuple[int, int]]:
    """As ``Network.prepare``, by the transforms of the test data."""
    height, width = photo.shape[:2]
    image = np.ascontiguousarray(photo[..., ::-1] if bgr else photo)
    shapes = {'img_shape': (height, width), 'ori_shape': (height, width)}
    sample = transforms({'img': image, 'img_path': '', 'gt_label': [], 'seg_fields': [], **shapes})
    batch = model.data_preprocessor(pseudo_collate([sample]), False)
    return batch['inputs'], tuple(batch['data_samples'][0].img_shape[:2])


def _restore(images: Tensor, mean: Tensor, std: Tensor, bgr: bool) -> np.ndarray:
    pixels = restore_images(images, mean, std)
    return pixels[..., ::-1] if bgr else pixels


def _is_softmax(model: nn.Module) -> bool:
    return isinstance(getattr(model, 'criterion', None), nn.CrossEntropyLoss)
