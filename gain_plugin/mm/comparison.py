"""Methods side by side: train and test configs that share their test data, and draw their maps."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from gain_plugin.files import write_atomically
from gain_plugin.mm.console import Bar
from gain_plugin.mm.options import merge_options
from gain_plugin.mm.runs import train, write_json
from gain_plugin.pictures import COLOUR_MAP


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


def compare(
    configs: Sequence[str | Path], work_dir: Path, options: dict[str, Any], pictures: int = 6, quiet: bool = False
) -> dict[str, dict[str, float]]:
    """Train and test configs one after another; their figures, as ``results.json``, and ``attention.png`` beside it.

    Args:
        configs: which share their test data. Each is called by its file name.
        work_dir: gets a folder for each. What was interrupted there goes on, what is finished is evaluated again.
        options: settings for all configs.
        pictures: rows of ``attention.png``; 0 for none.
        quiet: show no bar.

    Raises:
        ValueError: two configs of one name, or a folder that was made with other settings.

    """
    names = [Path(path).stem for path in configs]
    if len(set(names)) < len(names):
        raise ValueError('the names of the configs must differ: each is the name of a row and a folder')
    results, kept = {}, {}
    with Bar(len(names), quiet) as bar:
        for name, path in zip(names, configs, strict=True):
            results[name], kept[name] = measure(path, work_dir / name, options, pictures, bar)
    write_json(work_dir / 'results.json', results)
    if all(kept.values()):
        draw(kept, work_dir / 'attention.png')
    return results


def measure(
    path: str | Path, work_dir: Path, options: dict[str, Any], pictures: int, bar: Bar | None = None
) -> tuple[dict[str, float], list[Picture]]:
    """Train and test a config, and show how far it is in ``bar``.

    Returns:
        Its ``seed_miou``, ``threshold``, ``precision``, ``recall`` and ``map`` in per cent, ``minutes``, and pictures
        of the first images.

    """
    cfg = Config.fromfile(path)
    merge_options(cfg, options)
    start = time.time()
    runner = train(cfg, work_dir, bar, test=bar is not None)
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
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * len(titles), 2 * len(rows)), layout='tight')
    axes = figure.subplots(len(rows), len(titles), squeeze=False)
    for line, pictures in zip(axes, rows, strict=True):
        first = pictures[0]
        stretch = {'extent': (0, first.image.shape[1], first.image.shape[0], 0)}  # maps and truth may be larger
        for axis in line[:-1]:
            axis.imshow(first.image, **stretch)
        for axis, picture in zip(line[1:-1], pictures, strict=True):
            axis.imshow(picture.attention, cmap=COLOUR_MAP, alpha=0.6, vmin=0, vmax=1, **stretch)
        line[-1].imshow(first.truth, cmap='gray', **stretch)
        line[0].set_ylabel(first.name, parse_math=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, parse_math=False)
    write_atomically(path, lambda file: figure.savefig(file, dpi=100, format=path.suffix[1:]))
