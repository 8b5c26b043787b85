"""Pseudo labels of one image, made and written by a worker process."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gain_plugin.crf import crf_labels
from gain_plugin.images import read_image
from gain_plugin.label_files import counts_path, label_path, read_saliency, saliency_path, voc_palette, write_whole
from gain_plugin.pseudo_labels.pamr import pamr
from gain_plugin.pseudo_labels.rules import otsu_threshold
from gain_plugin.seeds import UNDECIDED, pseudo_labels, seed_confusion, seed_cues


class LabelRule(NamedTuple):
    """How maps become labels; the thresholds are those of ``gain_plugin.seeds.seed_cues``."""

    foreground: float = 0.3
    background: float = 0.05
    saliency: str | None = None
    """Folder of <id>.png, grey, 255 for the most salient; replaces ``background``."""
    saliency_threshold: float = 0.06
    refine: str | None = None
    """``'pamr'`` draws the maps to the edges of the image, before the thresholds; ``'crf'`` the labels, behind them."""
    otsu: bool = False
    """Each image has a threshold of its own, ``otsu_threshold``, in place of ``foreground`` and ``background``."""

    def check(self) -> None:
        """Refuse thresholds that contradict each other."""
        if self.refine not in (None, 'pamr', 'crf'):
            raise ValueError(f"refine must be None, 'pamr' or 'crf', got {self.refine!r}")
        if not 0 <= self.background <= self.foreground <= 1:
            raise ValueError(
                f'thresholds must be 0 <= background <= foreground <= 1, got {self.background} and {self.foreground}'
            )
        if not 0 <= self.saliency_threshold <= 1:
            raise ValueError(f'the saliency threshold must be in 0..1, got {self.saliency_threshold}')


class LabelTask(NamedTuple):
    """One image, with arrays rather than tensors, for the way to another process."""

    name: str
    img_path: str
    maps: np.ndarray
    """(n, H, W) in 0..1."""
    classes: np.ndarray
    """(n,) 0 to K - 1."""
    truth: np.ndarray | None
    """(H, W) 0 to K and 255."""
    num_classes: int
    out_dir: Path
    rule: LabelRule


class Outcome(NamedTuple):
    """What became of an image; no problem means that its file is there."""

    name: str
    problem: str | None = None


class LabelCounts(NamedTuple):
    """Pixels of an image with a mask, to be summed over images."""

    seeds: np.ndarray
    """(100, K + 1, K + 1) ``seed_confusion`` at the thresholds 0, 0.01, ..."""
    labels: np.ndarray
    """(K + 1, K + 2) [truth, pseudo label], the last column undecided."""


def run_tasks(tasks: Iterable[LabelTask | Outcome], workers: int) -> Iterator[Outcome]:
    """The outcome of every task, in any order; no more than two tasks a worker are held at a time."""
    if not workers:
        yield from (task if isinstance(task, Outcome) else write_labels(task) for task in tasks)
        return
    pending: set[Future[Outcome]] = set()
    # a process forked from one with threads may hang, so these begin afresh
    with ProcessPoolExecutor(workers, get_context('spawn'), torch.set_num_threads, (1,)) as pool:
        for task in tasks:
            if isinstance(task, Outcome):
                yield task
                continue
            pending.add(pool.submit(write_labels, task))
            if len(pending) >= 2 * workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in pending)


def write_labels(task: LabelTask) -> Outcome:
    """Write the labels of one image, and before them its counts.

    Returns what is wrong with the image, if anything is; what is wrong with the disk is raised.
    """
    try:
        labels = label_image(task)
    except ValueError as error:
        return Outcome(task.name, str(error))
    if task.truth is not None:
        counts = count_pixels(task, labels)
        write_whole(counts_path(task.out_dir, task.name), lambda file: np.savez_compressed(file, **counts._asdict()))
    image = Image.fromarray(labels)
    image.putpalette(voc_palette())
    write_whole(label_path(task.out_dir, task.name), lambda file: image.save(file, 'PNG'))
    return Outcome(task.name)


def label_image(task: LabelTask) -> np.ndarray:
    """(H, W) uint8 labels; ValueError names a file that cannot be read or does not fit."""
    saliency, rule = None, task.rule
    if rule.saliency is not None:
        saliency = torch.from_numpy(read_saliency(saliency_path(rule.saliency, task.name)) / np.float32(255))
    maps = refine_maps(torch.from_numpy(task.maps), task.img_path, rule)
    threshold = otsu_threshold(maps) if rule.otsu else None
    sure, possible = seed_cues(
        maps,
        foreground=rule.foreground if threshold is None else threshold,
        background=rule.background if threshold is None else threshold,
        saliency=saliency,
        saliency_threshold=rule.saliency_threshold,
    )
    if rule.refine == 'crf':
        image = read_image(task.img_path)
        sure, possible = (torch.from_numpy(crf_labels(image, cue.numpy(), len(maps) + 1)) for cue in (sure, possible))
    return pseudo_labels(sure, possible, torch.from_numpy(task.classes)).numpy()


def refine_maps(maps: Tensor, img_path: str, rule: LabelRule) -> Tensor:
    """Maps (n, H, W) as the thresholds of the rule are to see them, in 0..1."""
    if rule.refine != 'pamr':
        return maps
    image = torch.from_numpy(read_image(img_path).copy()).permute(2, 0, 1)
    refined = pamr(maps[None].float(), image[None].float())[0]
    return refined / (refined.amax((-2, -1), keepdim=True) + 1e-5)


def count_pixels(task: LabelTask, labels: np.ndarray) -> LabelCounts:
    """Compare the seeds at many thresholds, and the labels, with the mask."""
    assert task.truth is not None
    truth = torch.from_numpy(task.truth)
    size = task.num_classes + 1
    thresholds = torch.arange(100) / 100
    seeds = seed_confusion(
        torch.from_numpy(task.maps), torch.from_numpy(task.classes), truth, thresholds, task.num_classes
    )
    columns = torch.from_numpy(np.where(labels == UNDECIDED, size, labels).astype(np.int64))
    known = truth < size
    flat = truth[known].long() * (size + 1) + columns[known]
    return LabelCounts(seeds.numpy(), flat.bincount(minlength=size * (size + 1)).view(size, size + 1).numpy())
