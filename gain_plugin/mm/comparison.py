"""Methods side by side: train and test configs that share their test data, and draw their maps."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from gain_plugin.mm.runs import train


class Picture(NamedTuple):
    """One tested image with the map of its first label."""

    image: np.ndarray
    attention: np.ndarray
    truth: np.ndarray
    name: str


class KeepFirst(Hook):
    """Keep pictures of the first images of a test."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.kept: list[Picture] = []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list) -> None:
        """Called by mmengine."""
        for image, sample in zip(data_batch['inputs'], outputs, strict=True):
            if len(self.kept) < self.count and len(sample.attention_maps):
                cls = min(sample.gt_label)
                picture = Picture(
                    image.permute(1, 2, 0).numpy(),
                    sample.attention_maps[0].numpy(),
                    sample.gt_sem_seg.data[0].cpu().numpy() == cls + 1,
                    runner.test_loop.dataloader.dataset.metainfo['classes'][cls],
                )
                self.kept.append(picture)


def measure(
    path: str | Path, work_dir: Path, options: dict[str, Any], pictures: int
) -> tuple[dict[str, float], list[Picture]]:
    """Train and test a config.

    Returns:
        Its ``seed_miou``, ``threshold``, ``precision``, ``recall`` and ``map`` in per cent, ``minutes``, and pictures
        of the first images.

    """
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    start = time.time()
    runner = train(cfg, work_dir)
    keep = KeepFirst(pictures)
    runner.register_hook(keep)
    metrics = runner.test()
    return {
        'seed_miou': metrics['seed_mIoU'],
        'threshold': 100 * metrics['seed_threshold'],
        'precision': metrics['seed_precision'],
        'recall': metrics['seed_recall'],
        'map': metrics['mAP'],
        'minutes': (time.time() - start) / 60,
    }, keep.kept


def draw(kept: dict[str, list[Picture]], path: Path) -> None:
    """Images, the maps of every method, and the truth, side by side; one labelled class an image."""
    titles = ['image', *(f'{name} map' for name in kept), 'truth']
    rows = list(zip(*kept.values(), strict=True))
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(rows), len(titles), figsize=(2 * len(titles), 2 * len(rows)), squeeze=False)
    for line, pictures in zip(axes, rows, strict=True):
        first = pictures[0]
        stretch = {'extent': (0, first.image.shape[1], first.image.shape[0], 0)}  # maps and truth may be larger
        for axis in line[:-1]:
            axis.imshow(first.image, **stretch)
        for axis, picture in zip(line[1:-1], pictures, strict=True):
            axis.imshow(picture.attention, cmap='jet', alpha=0.6, vmin=0, vmax=1, **stretch)
        line[-1].imshow(first.truth, cmap='gray', **stretch)
        line[0].set_ylabel(first.name.replace('$', r'\$'))
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title.replace('$', r'\$'))
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
