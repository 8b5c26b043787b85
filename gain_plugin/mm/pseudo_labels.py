"""Pseudo labels for all images of a list, from the attention maps of their tags."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gain_plugin.label_files import label_path
from gain_plugin.label_worker import LabelRule, LabelTask, Outcome, refine_maps, run_tasks
from gain_plugin.masks import UNKNOWN
from gain_plugin.mm.attention_hook import AttentionHook
from gain_plugin.mm.dataset import VOCTagsDataset
from gain_plugin.mm.label_checks import check_data, check_folder, keep_settings, load_fitting
from gain_plugin.mm.label_report import LabelReport, measure
from gain_plugin.mm.samples import multi_hot
from gain_plugin.pseudo_labels.rules import calibrate
from gain_plugin.seeds import SCALES, seed_confusion

THRESHOLDS = torch.arange(100) / 100  # among which the rule is chosen
UNTAGGED = 'no tags'


def make_pseudo_labels(
    config: str | Path | Config,
    checkpoint: str | Path,
    out_dir: str | Path,
    rule: LabelRule | None = None,
    workers: int = 1,
    calibrate_on: str | Path | None = None,
    decided: float = 1.0,
) -> LabelReport:
    """Write one palette PNG in the form of VOC for every tagged image of the config's test data.

    Values are 0 background, c + 1 for class c, 255 undecided. The maps are those of the config's ``AttentionHook``; a
    config without one gets four scales, mirrored too. Images are taken one by one, so that a file depends on its image
    and the settings alone. ``out_dir`` gets ``<id>.png``, ``settings.json``, and ``counts`` and ``log`` for itself.
    Files that are there already are kept; they must come from the same settings.

    Args:
        config: as for ``tools/test.py``.
        checkpoint: of the model of the config; it must fit strictly.
        out_dir: folder, made if it is not there.
        rule: how maps become labels; IRN's thresholds without a CRF if not given.
        workers: processes for the refinement and the writing; 0 does both in this one.
        calibrate_on: list of ids of a few photos with masks, a file here or in ``data_root``, on which both thresholds
            are chosen (``gain_plugin.pseudo_labels.rules.calibrate``), after PAMR, before a CRF.
        decided: least share of the pixels that the chosen thresholds have to decide.

    Returns:
        The report; a broken image is in its ``failed`` and does not stop the others.

    Raises:
        ValueError: wrong thresholds, names, masks or saliency maps, a folder that cannot be written to or holds files
            of other settings, a checkpoint of another model or other classes.
        OSError: a full disk.

    """
    rule = rule or LabelRule()
    rule.check()
    out = Path(out_dir)
    check_folder(out)
    cfg = copy.deepcopy(config) if isinstance(config, Config) else Config.fromfile(config)
    cfg.update(work_dir=str(out / 'log'), load_from=None, resume=False)
    runner = Runner.from_cfg(cfg)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    names, classes = check_data(dataset, rule), dataset.metainfo['classes']
    load_fitting(runner, checkpoint, classes)
    attention = attention_settings(cfg, len(classes))
    calibration = None
    if calibrate_on is not None:
        calibration = calibrate(_confusions(runner, calibrate_on, attention, rule), THRESHOLDS, decided)
        rule = rule._replace(foreground=calibration.foreground, background=calibration.background)
    keep_settings(out / 'settings.json', cfg, checkpoint, rule, attention)
    todo = [index for index, name in enumerate(names) if not label_path(out, name).exists()]
    tasks = (
        sample if isinstance(sample, Outcome) else LabelTask(*sample, len(classes), out, rule)
        for sample in read_maps(runner, dataset, todo, attention)
    )
    made, untagged, failed = _collect(run_tasks(tasks, workers), len(todo))
    metrics = measure(out, names, classes)
    return LabelReport(made, len(names) - len(todo), untagged, failed, metrics, calibration)


class _Samples(Dataset):
    """Samples of a data set at the given positions, or what is wrong with them."""

    def __init__(self, dataset: Any, positions: Sequence[int]) -> None:
        self._dataset = dataset
        self._positions = positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: int) -> tuple[str, dict[str, Any] | str]:
        path = self._dataset.get_data_info(self._positions[index])['img_path']
        try:
            return path, self._dataset[self._positions[index]]
        except Exception as error:  # whatever a broken image does to a reader, the others are to be finished
            return path, f'{type(error).__name__}: {error}'


def read_maps(
    runner: Runner, dataset: Any, todo: Sequence[int], attention: dict[str, Any]
) -> Iterator[Outcome | tuple[str, str, np.ndarray, np.ndarray, np.ndarray | None]]:
    """Name, path, maps, classes and mask of one image after the other, as in ``LabelTask``."""
    hook: AttentionHook = HOOKS.build(attention)
    workers = runner.cfg.test_dataloader.get('num_workers', 0)
    hook.before_test(runner)
    runner.model.eval()
    for path, sample in DataLoader(_Samples(dataset, todo), None, num_workers=workers, collate_fn=_as_it_is):
        name = Path(path).stem
        if isinstance(sample, str):
            yield Outcome(name, sample)
            continue
        tags = multi_hot([sample['data_samples']], attention['num_classes'])[0].nonzero()[:, 0]
        if not len(tags):
            yield Outcome(name, UNTAGGED)
            continue
        with torch.no_grad():
            (tested,) = runner.model.test_step(pseudo_collate([sample]))
        truth = _truth(tested, len(dataset.metainfo['classes']))
        yield name, path, tested.attention_maps.numpy(), tags.numpy(), truth
    hook.after_test(runner)


def _confusions(runner: Runner, listed: str | Path, attention: dict[str, Any], rule: LabelRule) -> Tensor:
    """(N, T, K + 1, K + 1) ``seed_confusion`` of every tagged image of a list that has masks."""
    settings = copy.deepcopy(runner.cfg.test_dataloader.dataset)
    settings.pop('indices', None)
    settings.ann_file = str(Path(listed).absolute() if Path(listed).is_file() else listed)
    if settings.type in ('VOCTagsDataset', VOCTagsDataset):
        settings.masks = 'all'
    dataset = DATASETS.build(settings)
    counts = []
    for sample in read_maps(runner, dataset, range(len(dataset)), attention):
        if isinstance(sample, Outcome):
            if sample.problem != UNTAGGED:
                raise ValueError(f'{sample.name} of {listed}, to calibrate on: {sample.problem}')
            continue
        name, path, maps, classes, truth = sample
        if truth is None:
            raise ValueError(f'{name} of {listed}, to calibrate on, has no mask')
        refined = refine_maps(torch.from_numpy(maps), path, rule)
        counts.append(
            seed_confusion(
                refined, torch.from_numpy(classes), torch.from_numpy(truth), THRESHOLDS, attention['num_classes']
            )
        )
    return torch.stack(counts) if counts else torch.empty(0)


def _as_it_is(sample: Any) -> Any:
    return sample


def _truth(sample: BaseDataElement, classes: int) -> np.ndarray | None:
    if 'gt_sem_seg' not in sample:
        return None
    truth = sample.gt_sem_seg.data.squeeze(0).cpu().numpy()
    wrong = [int(value) for value in np.unique(truth) if classes < value < UNKNOWN]
    if wrong:
        raise ValueError(f'the mask of {sample.get("img_path")} has the values {wrong}, beyond {classes} classes')
    return None if (truth == UNKNOWN).all() else truth


def attention_settings(cfg: Config, classes: int) -> dict[str, Any]:
    """Read the config's ``AttentionHook``; without one it has four scales, mirrored too."""
    for hook in [*cfg.get('default_hooks', {}).values(), *(cfg.get('custom_hooks') or [])]:
        if hook.get('type') in ('AttentionHook', AttentionHook):
            return dict(hook)
    return {'type': 'AttentionHook', 'num_classes': classes, 'scales': SCALES, 'flip': True}


def _collect(outcomes: Iterable[Outcome], total: int) -> tuple[int, int, dict[str, str]]:
    problems: dict[str, str] = {}
    bar = ProgressBar(total)
    for name, problem in outcomes:
        bar.update()
        if problem is not None:
            problems[name] = problem
    failed = {name: problem for name, problem in problems.items() if problem != UNTAGGED}
    return total - len(problems), len(problems) - len(failed), failed
