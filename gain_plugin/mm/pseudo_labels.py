"""Pseudo labels for all images of a list, from the attention maps of their tags."""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size, is_main_process
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch import Tensor

from gain_plugin.masks import check_classes_fit
from gain_plugin.mm.attention_hook import AttentionHook
from gain_plugin.mm.console import QuietRunner
from gain_plugin.mm.hosts import host_of
from gain_plugin.mm.label_samples import MapSample, calibration_photos, is_untagged, photo_names, read_maps, sources_of
from gain_plugin.mm.loading import load_fitting
from gain_plugin.mm.runs import keep_same
from gain_plugin.pseudo_labels.files import check_folder, given_path, is_labelled, label_path, read_regions
from gain_plugin.pseudo_labels.report import LabelReport, measure
from gain_plugin.pseudo_labels.rules import Calibration, LabelRule, calibrate
from gain_plugin.pseudo_labels.worker import LabelTask, Outcome, refine_maps, run_tasks
from gain_plugin.seeds import SCALES, THRESHOLDS, seed_confusion

PATIENCE = 7 * 24 * 3600
"""Seconds that a process waits for those that label longer; torch gives up after 10 minutes with NCCL, 30 with gloo."""


def make_pseudo_labels(
    config: str | Path | Config,
    checkpoint: str | Path,
    out_dir: str | Path,
    rule: LabelRule | None = None,
    workers: int = 1,
    calibrate_on: str | Path | None = None,
    decided: float = 1.0,
) -> LabelReport:
    """Write one palette PNG in the form of VOC for every image of the config's test data.

    Values are 0 background, c + 1 for class c, 255 undecided; an image without tags is background all over. The maps
    are those of the config's ``AttentionHook``; a config without one gets four scales, mirrored too. Images are taken
    one by one, so that a file depends on its image and the settings alone. ``out_dir`` gets ``<id>.png``, in the
    sub-folders of the ids, ``settings.json``, and ``counts`` and ``log`` for itself. Files that are there and whole are
    kept; they must come from the same settings.

    With a ``launcher`` in the config each process labels its share of the images; the files are the same. PAMR runs on
    the model's device.

    Args:
        config: as for ``tools/test.py``.
        checkpoint: of the model of the config; it must fit strictly.
        out_dir: folder, made if it is not there.
        rule: how maps become labels; IRN's thresholds without a CRF if not given.
        workers: processes for the refinement and the writing; 0 does both in this one.
        calibrate_on: list of ids of a few photos with masks, a file here or in ``data_root``, on which both thresholds
            are chosen (``gain_plugin.pseudo_labels.rules.calibrate``), after PAMR and regions, before a CRF.
        decided: least share of the pixels that the chosen thresholds have to decide.

    Returns:
        The report, of all processes, the metrics in the first one alone; a broken image is in its ``failed`` and does
        not stop the others.

    Raises:
        ValueError: more than 254 classes, wrong thresholds, names, masks, saliency or region maps, a folder that cannot
            be written to or holds files of other settings, a checkpoint of another model or other classes.
        OSError: a full disk.

    """
    rule = rule or LabelRule()
    rule.check()
    _check_choice(rule, calibrate_on, decided)
    out = Path(out_dir)
    check_folder(out)
    runner = _runner(config, out / 'log')
    dataset = DATASETS.build(runner.cfg.test_dataloader.dataset)
    names, classes = photo_names(dataset), dataset.metainfo['classes']
    check_classes_fit(len(classes))
    _check_given(rule, names)
    load_fitting(runner, checkpoint, classes)
    hook = attention_hook(runner, len(classes))
    calibration = None
    if calibrate_on is not None:
        calibration = _calibrate(runner, calibrate_on, hook, rule, decided)
        rule = rule._replace(foreground=calibration.foreground, background=calibration.background)
    if is_main_process():
        _keep_settings(out, names, _settings(runner.cfg, checkpoint, rule, hook))
    barrier()  # before that, no label is written
    share = list(names)[get_rank() :: get_world_size()]
    todo = {name: names[name] for name in share if not is_labelled(out, name)}
    device = str(next(host_of(runner).parameters()).device)
    tasks = (
        sample if isinstance(sample, Outcome) else LabelTask(*sample, len(classes), out, rule, device)
        for sample in read_maps(runner, dataset, list(todo.values()), hook)
    )
    failed = _collect(run_tasks(tasks, workers), len(todo))
    done = [index for name, index in todo.items() if name not in failed]
    untagged = sum(is_untagged(dataset.get_data_info(index)) for index in done)
    shares = all_gather_object((len(done) - untagged, len(share) - len(todo), untagged, failed))
    metrics = measure(out, list(names), classes) if is_main_process() else {}
    return LabelReport(*_sums(shares), metrics, calibration)


def _sums(shares: list[tuple[int, int, int, dict[str, str]]]) -> tuple[int, int, int, dict[str, str]]:
    """What the processes made, found, left untagged and failed at, of all together."""
    made, found, untagged, failed = zip(*shares, strict=True)
    return sum(made), sum(found), sum(untagged), {name: text for own in failed for name, text in own.items()}


def attention_hook(runner: Runner, classes: int) -> AttentionHook:
    """The ``AttentionHook`` of a Runner; without one, as a config that has four scales, mirrored too."""
    own = (hook for hook in runner.hooks if isinstance(hook, AttentionHook))
    return next(own, None) or AttentionHook(classes, SCALES, flip=True)


def _runner(config: str | Path | Config, work_dir: Path) -> Runner:
    cfg = copy.deepcopy(config) if isinstance(config, Config) else Config.fromfile(config)
    cfg.update(work_dir=str(work_dir), load_from=None, resume=False)
    processes = cfg.get('env_cfg', {}).get('dist_cfg', {})
    cfg.merge_from_dict({'env_cfg.dist_cfg': {'timeout': PATIENCE, **processes}})
    return QuietRunner.from_cfg(cfg)


def _check_choice(rule: LabelRule, calibrate_on: str | Path | None, decided: float) -> None:
    if calibrate_on is None and decided != 1:
        raise ValueError(f'decided={decided} is for thresholds that calibrate_on chooses: give a list, or leave it out')
    if calibrate_on is not None and (rule.otsu or rule.saliency):
        other = 'otsu' if rule.otsu else 'saliency'
        raise ValueError(f'calibrate_on chooses thresholds that {other} replaces: leave one of the two out')


def _check_given(rule: LabelRule, names: Mapping[str, int]) -> None:
    for folder, what in ((rule.saliency, 'saliency maps'), (rule.regions, 'region maps')):
        missing = [name for name in names if folder and not given_path(folder, name).is_file()]
        if missing:
            raise ValueError(f'{len(missing)} {what} are missing in {folder}, as {missing[0]}.png')
    if rule.regions and names:  # where one has colours in place of numbers, all have
        read_regions(given_path(rule.regions, next(iter(names))))


def _calibrate(runner: Runner, listed: str | Path, hook: AttentionHook, rule: LabelRule, decided: float) -> Calibration:
    dataset = calibration_photos(runner, listed)
    names = photo_names(dataset)
    _check_given(rule, names)
    samples = read_maps(runner, dataset, list(names.values()), hook)
    classes = len(dataset.metainfo['classes'])
    masked = (sample for sample in map(partial(_with_mask, listed), samples) if len(sample.classes))
    counts = [_confusion(sample, rule, classes) for sample in masked]
    return calibrate(torch.stack(counts) if counts else torch.empty(0), THRESHOLDS, decided)


def _with_mask(listed: str | Path, sample: MapSample | Outcome) -> MapSample:
    if isinstance(sample, Outcome):
        raise ValueError(f'{sample.name} of {listed}, to calibrate on: {sample.problem}')
    if sample.truth is None and len(sample.classes):
        raise ValueError(f'{sample.name} of {listed}, to calibrate on, has no mask')
    return sample


def _confusion(sample: MapSample, rule: LabelRule, classes: int) -> Tensor:
    """``seed_confusion`` (T, K + 1, K + 1) of one photo, after the refinement."""
    assert sample.truth is not None
    refined = refine_maps(torch.from_numpy(sample.maps), sample.name, sample.img_path, rule)
    truth = torch.from_numpy(sample.truth)
    return seed_confusion(refined, torch.from_numpy(sample.classes), truth, THRESHOLDS, classes)


def _settings(cfg: Config, checkpoint: str | Path, rule: LabelRule, hook: AttentionHook) -> dict[str, Any]:
    """All that a label depends on beside its image; the list of images does not count, so that it may grow."""
    return {
        **rule._asdict(),
        'checkpoint': hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        'attention': hook.settings,
        'model': cfg.model,
        'dataset': [_without_list(source) for source in sources_of(cfg.test_dataloader.dataset)],
    }


def _without_list(source: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in ('ann_file', 'indices', 'masks')}


def _keep_settings(out: Path, names: Iterable[str], settings: dict[str, Any]) -> None:
    """Write the settings down, or refuse labels of other or of unknown ones."""
    path = out / 'settings.json'
    there = next((name for name in names if label_path(out, name).exists()), None)
    if there is not None and not path.exists():
        raise ValueError(
            f'{label_path(out, there)} is there, but no {path.name} that says how it was made: take another folder, or '
            'remove that one to begin anew'
        )
    keep_same(path, settings)


def _collect(outcomes: Iterable[Outcome], total: int) -> dict[str, str]:
    """What is wrong with an image, by its name."""
    failed = {}
    console = Console(stderr=True, quiet=not is_main_process())
    for name, problem in track(outcomes, 'labels', total, console=console):
        if problem is not None:
            failed[name] = problem
    return failed
