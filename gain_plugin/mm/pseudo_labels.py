"""Pseudo labels for all images of a list, from the attention maps of their tags."""

import copy
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmengine.utils import ProgressBar
from torch.utils.data import DataLoader, Dataset

from gain_plugin.mm.attention_hook import AttentionHook
from gain_plugin.mm.dataset import UNKNOWN, VOCTagsDataset
from gain_plugin.mm.label_files import (
    LabelRule,
    LabelTask,
    Outcome,
    counts_path,
    label_path,
    run_tasks,
    saliency_path,
    write_whole,
)
from gain_plugin.mm.metrics import SeedIoU
from gain_plugin.mm.samples import multi_hot
from gain_plugin.seeds import SCALES, seed_scores

UNTAGGED = 'no tags'


class LabelReport(NamedTuple):
    """What ``make_pseudo_labels`` did."""

    made: int
    """Images labelled in this run."""
    found: int
    """Images that an earlier run had labelled."""
    untagged: int
    """Images without a tag, which get no file."""
    failed: dict[str, str]
    """What is wrong with an image, by its name."""
    metrics: dict[str, float]
    """Per cent, of all labelled images of the list that have a mask: those of ``SeedIoU``, and of the labels
    ``label_mIoU`` (undecided pixels taken as background, as IRN does), ``label_mIoU_decided`` (undecided pixels left
    out) and ``label_decided`` (share of pixels). Empty without masks."""


def make_pseudo_labels(
    config: str | Path | Config,
    checkpoint: str | Path,
    out_dir: str | Path,
    rule: LabelRule = LabelRule(),
    workers: int = 1,
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
        rule: how maps become labels.
        workers: processes for the CRF and the writing; 0 does both in this one.

    Returns:
        The report; a broken image is in its ``failed`` and does not stop the others.

    Raises:
        ValueError: wrong thresholds, names, masks or saliency maps, a folder that cannot be written to or holds files
            of other settings, a checkpoint of another model or other classes.

    """
    rule.check()
    out = _writable(Path(out_dir))
    cfg = copy.deepcopy(config) if isinstance(config, Config) else Config.fromfile(config)
    cfg.update(work_dir=str(out / 'log'), load_from=None, resume=False)
    runner = Runner.from_cfg(cfg)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    names = _names(dataset, rule)
    _load(runner, checkpoint, dataset.metainfo['classes'])
    attention = _attention_settings(cfg, len(dataset.metainfo['classes']))
    _keep_settings(out / 'settings.json', _settings(cfg, checkpoint, rule, attention))
    todo = [index for index, name in enumerate(names) if not label_path(out, name).exists()]
    outcomes = run_tasks(_tasks(runner, dataset, names, todo, attention, out, rule), workers)
    made, untagged, failed = _collect(outcomes, len(todo))
    metrics = _metrics(out, names, dataset.metainfo['classes'])
    return LabelReport(made, len(names) - len(todo), untagged, failed, metrics)


class _Samples(Dataset):
    """Samples of a data set at the given positions, or what is wrong with them."""

    def __init__(self, dataset: Any, positions: Sequence[int]) -> None:
        self.dataset, self.positions = dataset, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: int) -> tuple[int, dict[str, Any] | str]:
        position = self.positions[index]
        try:
            return position, self.dataset[position]
        except Exception as error:  # whatever a broken image does to a reader, the other images are to be finished
            return position, f'{type(error).__name__}: {error}'


def _tasks(
    runner: Runner,
    dataset: Any,
    names: Sequence[str],
    todo: Sequence[int],
    attention: dict[str, Any],
    out: Path,
    rule: LabelRule,
) -> Iterator[LabelTask | Outcome]:
    """Maps of one image after the other."""
    classes = len(dataset.metainfo['classes'])
    hook: AttentionHook = HOOKS.build(attention)
    loader = DataLoader(
        _Samples(dataset, todo), batch_size=None, num_workers=runner.cfg.test_dataloader.get('num_workers', 0),
        collate_fn=_same,
    )  # fmt: skip
    runner.model.eval()
    hook.before_test(runner)
    for index, sample in loader:
        if isinstance(sample, str):
            yield Outcome(names[index], sample)
            continue
        tags = multi_hot([sample['data_samples']], attention['num_classes'])[0].nonzero()[:, 0]
        if not len(tags):
            yield Outcome(names[index], UNTAGGED)
            continue
        with torch.no_grad():
            (tested,) = runner.model.test_step(pseudo_collate([sample]))
        maps = tested.attention_maps.numpy()
        img_path = dataset.get_data_info(index)['img_path']
        truth = _truth(tested, classes)
        yield LabelTask(names[index], img_path, maps, tags.numpy(), truth, classes, out, rule)
    hook.after_test(runner)


def _same(sample: Any) -> Any:
    return sample


def _truth(sample: BaseDataElement, classes: int) -> np.ndarray | None:
    if 'gt_sem_seg' not in sample:
        return None
    truth = sample.gt_sem_seg.data[0].cpu().numpy()
    wrong = [int(value) for value in np.unique(truth) if classes < value < UNKNOWN]
    if wrong:
        raise ValueError(f'the mask of {sample.get("img_path")} has the values {wrong}, beyond {classes} classes')
    return None if (truth == UNKNOWN).all() else truth


def _collect(outcomes: Iterator[Outcome], total: int) -> tuple[int, int, dict[str, str]]:
    made, untagged, failed = 0, 0, {}
    bar = ProgressBar(total) if total else None
    for name, problem in outcomes:
        if problem == UNTAGGED:
            untagged += 1
        elif problem is not None:
            failed[name] = problem
        made += problem is None
        if bar is not None:
            bar.update()
    return made, untagged, failed


def _writable(out: Path) -> Path:
    try:
        (out / 'counts').mkdir(parents=True, exist_ok=True)
        write_whole(out / 'counts' / 'trial', lambda file: file.write(b'can be written'))
        (out / 'counts' / 'trial').unlink()
    except OSError as error:
        raise ValueError(f'cannot write to {out}: {error}') from error
    return out


def _names(dataset: Any, rule: LabelRule) -> list[str]:
    """Names of the files to make; whatever can be wrong with the data is looked for here, before hours of work."""
    names = [Path(dataset.get_data_info(index)['img_path']).stem for index in range(len(dataset))]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f'images of the same name would share a file: {twice[:5]}')
    if rule.saliency is not None:
        missing = [name for name in names if not saliency_path(rule.saliency, name).is_file()]
        if missing:
            raise ValueError(f'{len(missing)} saliency maps are missing, as {saliency_path(rule.saliency, missing[0])}')
    if isinstance(dataset, VOCTagsDataset):
        dataset.check_masks()
    return names


def _load(runner: Runner, checkpoint: str | Path, classes: Sequence[str]) -> None:
    if not Path(checkpoint).is_file():
        raise ValueError(f'the checkpoint {checkpoint} is not there')
    try:
        loaded = runner.load_checkpoint(str(checkpoint), strict=True)
    except RuntimeError as error:
        raise ValueError(f'the checkpoint {checkpoint} does not fit the model of the config: {error}') from error
    trained = (loaded.get('meta', {}).get('dataset_meta') or {}).get('classes')
    if trained is not None and tuple(trained) != tuple(classes):
        raise ValueError(f'{checkpoint} was trained for the classes {trained}, the config names {classes}')


def _attention_settings(cfg: Config, classes: int) -> dict[str, Any]:
    for hook in [*cfg.get('default_hooks', {}).values(), *(cfg.get('custom_hooks') or [])]:
        if hook.get('type') in ('AttentionHook', AttentionHook):
            return dict(hook)
    return {'type': 'AttentionHook', 'num_classes': classes, 'scales': SCALES, 'flip': True}


def _settings(cfg: Config, checkpoint: str | Path, rule: LabelRule, attention: dict[str, Any]) -> dict[str, Any]:
    """All that a label depends on beside its image; the list may grow."""
    dataset = {key: value for key, value in cfg.test_dataloader.dataset.items() if key not in ('ann_file', 'indices')}
    return {
        'checkpoint sha256': hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        **rule._asdict(),
        'attention': attention,
        'model': cfg.model.to_dict(),
        'dataset': dataset,
    }


def _keep_settings(path: Path, settings: dict[str, Any]) -> None:
    text = json.dumps(settings, indent=1, default=str)
    settings = json.loads(text)
    if not path.exists():
        write_whole(path, lambda file: file.write(text.encode()))
        return
    before = json.loads(path.read_text())
    differ = [name for name in {**before, **settings} if before.get(name) != settings.get(name)]
    if differ:
        raise ValueError(
            f'{path.parent} has labels of other settings ({", ".join(differ)}; see {path.name}): take another folder, '
            f'or remove that one to begin anew'
        )


def _metrics(out: Path, names: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    seeds: Any = 0
    labels: Any = 0
    for name in names:
        if label_path(out, name).exists() and counts_path(out, name).exists():
            with np.load(counts_path(out, name)) as counts:
                seeds, labels = seeds + counts['seeds'], labels + counts['labels']
    if isinstance(seeds, int):
        return {}
    metric = SeedIoU()
    metric.dataset_meta = {'classes': tuple(classes)}
    decided, undecided = torch.from_numpy(labels[:, :-1]), torch.from_numpy(labels[:, -1])
    filled = decided.clone()
    filled[:, 0] += undecided
    filled_scores, decided_scores = seed_scores(filled[None]), seed_scores(decided[None])
    iou = dict(zip(('background', *classes), (100 * filled_scores.iou[0]).tolist(), strict=True))
    return {
        **metric.compute_metrics([torch.from_numpy(seeds)]),
        'label_mIoU': 100 * float(filled_scores.miou),
        'label_mIoU_decided': 100 * float(decided_scores.miou),
        'label_decided': 100 * float(decided.sum() / filled.sum()),
        **{f'label_IoU_{name}': value for name, value in iou.items()},
    }
