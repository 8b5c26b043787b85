"""Pseudo labels of one image, made and written by a worker process."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gain_plugin.files import write_atomically
from gain_plugin.images import read_image
from gain_plugin.masks import UNKNOWN
from gain_plugin.processes import end_with_parent
from gain_plugin.pseudo_labels.crf import crf_labels
from gain_plugin.pseudo_labels.cues import labels_from_cues, seed_cues
from gain_plugin.pseudo_labels.files import (
    counts_path,
    given_path,
    label_path,
    read_regions,
    read_saliency,
    write_label,
)
from gain_plugin.pseudo_labels.pamr import pamr
from gain_plugin.pseudo_labels.regions import region_means
from gain_plugin.pseudo_labels.rules import LabelRule, otsu_threshold
from gain_plugin.seeds import THRESHOLDS, seed_confusion


class LabelTask(NamedTuple):
    """One image, with arrays rather than tensors, for the way to another process."""

    name: str
    img_path: str
    maps: np.ndarray
    """(n, H, W) in 0..1; an image without a tag has none, and is background all over."""
    classes: np.ndarray
    """(n,) 0 to K - 1."""
    truth: np.ndarray | None
    """(H, W) 0 to K and 255."""
    num_classes: int
    out_dir: Path
    rule: LabelRule
    device: str = 'cpu'
    """Where PAMR runs."""


class Outcome(NamedTuple):
    """What became of an image; no problem means that its file is there."""

    name: str
    problem: str | None = None


class LabelCounts(NamedTuple):
    """Pixels of an image with a mask, to be summed over images."""

    seeds: np.ndarray
    """(100, K + 1, K + 1) ``seed_confusion`` at the thresholds of ``SeedIoU``."""
    labels: np.ndarray
    """(K + 1, K + 2) [truth, pseudo label], the last column undecided."""


def run_tasks(tasks: Iterable[LabelTask | Outcome], workers: int) -> Iterator[Outcome]:
    """The outcome of every task, in any order; no more than two tasks a worker are held at a time."""
    if not workers:
        yield from (task if isinstance(task, Outcome) else write_labels(task) for task in tasks)
        return
    try:
        yield from _by_workers(tasks, workers)
    except BrokenProcessPool as error:
        raise RuntimeError(
            'a process that writes labels has ended: in a script of your own, call from below '
            "`if __name__ == '__main__':`; else memory may be short: take fewer workers, or workers=0"
        ) from error


def _by_workers(tasks: Iterable[LabelTask | Outcome], workers: int) -> Iterator[Outcome]:
    pending: set[Future[Outcome]] = set()
    # a process forked from one with threads may hang, so these begin afresh
    with ProcessPoolExecutor(workers, get_context('spawn'), _begin) as pool:
        for task in tasks:
            if isinstance(task, Outcome):
                yield task
                continue
            pending.add(pool.submit(write_labels, task))
            if len(pending) >= 2 * workers:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        yield from (future.result() for future in pending)


def _begin() -> None:
    """Make ready a process of the pool."""
    torch.set_num_threads(1)
    end_with_parent()


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
        path = counts_path(task.out_dir, task.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: np.savez_compressed(file, **counts._asdict()))
    write_label(label_path(task.out_dir, task.name), labels)
    return Outcome(task.name)


def label_image(task: LabelTask) -> np.ndarray:
    """(H, W) uint8 labels; ValueError names a file that cannot be read or does not fit."""
    if not len(task.maps):
        return np.zeros(task.maps.shape[1:], np.uint8)
    rule, saliency = task.rule, None
    if rule.saliency is not None:
        saliency = torch.from_numpy(read_saliency(given_path(rule.saliency, task.name)) / np.float32(255))
    maps = refine_maps(torch.from_numpy(task.maps), task.name, task.img_path, rule, task.device)
    foreground, background = (otsu_threshold(maps),) * 2 if rule.otsu else (rule.foreground, rule.background)
    cues = seed_cues(
        maps,
        foreground=foreground,
        background=background,
        saliency=saliency,
        saliency_threshold=rule.saliency_threshold,
    )
    if rule.refine == 'crf':
        image = read_image(task.img_path)
        foreground_cue, background_cue = (crf_labels(image, cue.numpy(), len(maps) + 1) for cue in cues)
        cues = torch.from_numpy(foreground_cue), torch.from_numpy(background_cue)
    return labels_from_cues(*cues, torch.from_numpy(task.classes)).numpy()


def refine_maps(maps: Tensor, name: str, img_path: str, rule: LabelRule, device: str = 'cpu') -> Tensor:
    """Maps (n, H, W) of an image as the thresholds of the rule are to see them, in 0..1; PAMR runs on ``device``."""
    refine = partial(_pamr, device) if rule.refine == 'pamr' else rule.refine
    if callable(refine):
        maps = _refined(maps, img_path, refine)
    if rule.regions is None:
        return maps
    path = given_path(rule.regions, name)
    regions = torch.from_numpy(read_regions(path))
    if regions.shape != maps.shape[1:]:
        raise ValueError(f'{path} is {tuple(regions.shape)}, but its image {tuple(maps.shape[1:])}')
    return region_means(maps, regions)


def _refined(maps: Tensor, img_path: str, refine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    refined = refine(maps, torch.from_numpy(read_image(img_path).copy()).permute(2, 0, 1).float())
    if not isinstance(refined, Tensor) or refined.shape != maps.shape or not refined.isfinite().all():
        got = tuple(refined.shape) if isinstance(refined, Tensor) else f'a {type(refined).__name__}'
        raise ValueError(f'refine={refine} must give finite maps {tuple(maps.shape)} as a tensor, got {got}')
    return refined / (refined.amax((-2, -1), keepdim=True) + 1e-5)


def _pamr(device: str, maps: Tensor, image: Tensor) -> Tensor:
    return pamr(maps[None].float().to(device), image[None].to(device))[0].cpu()


def count_pixels(task: LabelTask, labels: np.ndarray) -> LabelCounts:
    """Compare the seeds at many thresholds, and the labels, with the mask."""
    assert task.truth is not None
    truth = torch.from_numpy(task.truth)
    size = task.num_classes + 1
    seeds = seed_confusion(
        torch.from_numpy(task.maps), torch.from_numpy(task.classes), truth, THRESHOLDS, task.num_classes
    )
    columns = torch.from_numpy(np.where(labels == UNKNOWN, size, labels).astype(np.int64))
    known = truth < size
    flat = truth[known].long() * (size + 1) + columns[known]
    return LabelCounts(seeds.numpy(), flat.bincount(minlength=size * (size + 1)).view(size, size + 1).numpy())
